// s3sink is the account the deploy benchmark sends to: S3, STS, CloudFront and its key-value store, in
// memory, each request answered after a fixed latency. It is fast enough never to be what is measured.
//
//	s3sink -latency 30ms -bucket site
//
// prints the port it listens on (127.0.0.1) and serves until its standard input is closed.
package main

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

const account = "123456789012"

type object struct {
	data     []byte
	etag     string
	headers  map[string]string
	modified time.Time
}

type sink struct {
	mu       sync.RWMutex
	bucket   string
	latency  time.Duration
	objects  map[string]*object
	sorted   []string
	stale    bool
	values   map[string]string
	version  int
	uploads  map[string]map[int][]byte
	heads    map[string]map[string]string
	requests map[string]int
	invalid  int
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := whole(r)
	if err != nil {
		return
	}
	if r.Header.Get("X-Amz-Content-Sha256") == "STREAMING-UNSIGNED-PAYLOAD-TRAILER" ||
		strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-AWS4") {
		body = unchunked(body)
	}
	if strings.HasPrefix(r.URL.Path, "/_sink/") {
		s.control(w, r)
		return
	}
	time.Sleep(s.latency)
	switch {
	case strings.HasPrefix(r.URL.Path, "/key-value-stores/"):
		s.keyValueStore(w, r, body)
	case strings.HasPrefix(r.URL.Path, "/2020-05-31/"):
		s.cloudFront(w, r)
	case r.URL.Path == "/" && r.Method == http.MethodPost:
		s.count("sts")
		reply(w, 200, "text/xml", "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>"+account+
			"</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")
	default:
		s.s3(w, r, body)
	}
}

// whole reads a body into one piece of memory of the right size.
func whole(r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 {
		return io.ReadAll(r.Body)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

func (s *sink) control(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case "/_sink/reset":
		s.objects, s.values, s.version, s.requests = map[string]*object{}, map[string]string{}, 1, map[string]int{}
		s.stale = true
	case "/_sink/counts":
		out, _ := json.Marshal(map[string]any{"objects": len(s.objects), "requests": s.requests, "invalidations": s.invalid})
		s.requests = map[string]int{}
		w.Write(out)
	case "/_sink/release":
		w.Write([]byte(s.values["release"]))
	}
}

func (s *sink) count(name string) {
	s.mu.Lock()
	s.requests[name]++
	s.mu.Unlock()
}

func (s *sink) s3(w http.ResponseWriter, r *http.Request, body []byte) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	if bucket != s.bucket {
		fail(w, 404, "NoSuchBucket")
		return
	}
	_, deleting := query["delete"]
	switch {
	case key == "" && r.Method == http.MethodHead:
		s.count("head-bucket")
		w.Header().Set("X-Amz-Bucket-Region", "us-east-1")
		w.WriteHeader(200)
	case key == "" && r.Method == http.MethodPut:
		w.WriteHeader(200)
	case key == "" && deleting:
		s.count("delete")
		s.deleteMany(w, body)
	case key == "":
		if _, location := query["location"]; location {
			reply(w, 200, "application/xml", "<LocationConstraint></LocationConstraint>")
			return
		}
		s.count("list")
		s.list(w, query)
	case r.Method == http.MethodPut && query.Get("partNumber") != "":
		number, _ := strconv.Atoi(query.Get("partNumber"))
		s.mu.Lock()
		s.uploads[query.Get("uploadId")][number] = body
		s.mu.Unlock()
		w.Header().Set("ETag", `"`+sum(body)+`"`)
		w.WriteHeader(200)
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		s.count("copy")
		s.copy(w, r, key)
	case r.Method == http.MethodPut:
		s.count("put")
		s.put(w, r, key, body)
	case r.Method == http.MethodPost:
		s.multipart(w, r, key, query)
	case r.Method == http.MethodDelete:
		s.count("delete")
		s.mu.Lock()
		delete(s.objects, key)
		s.stale = true
		s.mu.Unlock()
		w.WriteHeader(204)
	default:
		s.count("get")
		s.get(w, r, key)
	}
}

func (s *sink) put(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	made := &object{body, sum(body), kept(r.Header), time.Now().UTC()}
	s.mu.Lock()
	present, there := s.objects[key]
	match := strings.Trim(r.Header.Get("If-Match"), `"`)
	if (r.Header.Get("If-None-Match") == "*" && there) || (match != "" && (!there || present.etag != match)) {
		s.mu.Unlock()
		fail(w, 412, "PreconditionFailed")
		return
	}
	s.objects[key] = made
	s.stale = s.stale || !there
	s.mu.Unlock()
	w.Header().Set("ETag", `"`+made.etag+`"`)
	w.WriteHeader(200)
}

func (s *sink) copy(w http.ResponseWriter, r *http.Request, key string) {
	source, _ := url.PathUnescape(strings.TrimPrefix(r.Header.Get("X-Amz-Copy-Source"), "/"))
	_, from, _ := strings.Cut(source, "/")
	s.mu.Lock()
	found, there := s.objects[from]
	match := strings.Trim(r.Header.Get("X-Amz-Copy-Source-If-Match"), `"`)
	if !there || (match != "" && match != found.etag) {
		s.mu.Unlock()
		fail(w, 412, "PreconditionFailed")
		return
	}
	headers := found.headers
	if r.Header.Get("X-Amz-Metadata-Directive") == "REPLACE" {
		headers = kept(r.Header)
	}
	s.objects[key] = &object{found.data, found.etag, headers, time.Now().UTC()}
	s.stale = true
	s.mu.Unlock()
	reply(w, 200, "application/xml", "<CopyObjectResult><ETag>&quot;"+found.etag+"&quot;</ETag></CopyObjectResult>")
}

func (s *sink) get(w http.ResponseWriter, r *http.Request, key string) {
	s.mu.RLock()
	found, there := s.objects[key]
	s.mu.RUnlock()
	if !there {
		fail(w, 404, "NoSuchKey")
		return
	}
	for name, value := range found.headers {
		w.Header().Set(name, value)
	}
	w.Header().Set("ETag", `"`+found.etag+`"`)
	http.ServeContent(w, r, "", found.modified, strings.NewReader(string(found.data)))
}

func (s *sink) list(w http.ResponseWriter, query url.Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stale {
		s.sorted = s.sorted[:0]
		for key := range s.objects {
			s.sorted = append(s.sorted, key)
		}
		sort.Strings(s.sorted)
		s.stale = false
	}
	after := query.Get("start-after")
	if token, err := hex.DecodeString(query.Get("continuation-token")); err == nil && len(token) > 0 {
		after = string(token)
	}
	if marker := query.Get("marker"); marker != "" {
		after = marker // version 1 of the list
	}
	prefix, delimiter := query.Get("prefix"), query.Get("delimiter")
	most := 1000
	if wanted, err := strconv.Atoi(query.Get("max-keys")); err == nil && wanted < most {
		most = wanted
	}
	encode := func(text string) string {
		if query.Get("encoding-type") == "url" {
			return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
		}
		var out strings.Builder
		xml.EscapeText(&out, []byte(text))
		return out.String()
	}
	var rows strings.Builder
	count, last, more := 0, "", false
	folders := map[string]bool{}
	start := sort.Search(len(s.sorted), func(i int) bool { return s.sorted[i] > after && s.sorted[i] >= prefix })
	for _, key := range s.sorted[start:] {
		if !strings.HasPrefix(key, prefix) {
			break
		}
		if count >= most {
			more = true
			break
		}
		last = key
		if delimiter != "" {
			if at := strings.Index(key[len(prefix):], delimiter); at >= 0 {
				folder := key[:len(prefix)+at+len(delimiter)]
				if !folders[folder] {
					folders[folder] = true
					count++
					rows.WriteString("<CommonPrefixes><Prefix>" + encode(folder) + "</Prefix></CommonPrefixes>")
				}
				continue
			}
		}
		found := s.objects[key]
		count++
		fmt.Fprintf(&rows, "<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>&quot;%s&quot;</ETag><Size>%d</Size><StorageClass>STANDARD</StorageClass></Contents>",
			encode(key), found.modified.Format("2006-01-02T15:04:05.000Z"), found.etag, len(found.data))
	}
	token := ""
	if more {
		// Opaque to clients: encoding-type covers keys and prefixes only.
		token = "<NextContinuationToken>" + hex.EncodeToString([]byte(last)) + "</NextContinuationToken>" +
			"<NextMarker>" + encode(last) + "</NextMarker>"
	}
	encoding := ""
	if query.Get("encoding-type") != "" {
		encoding = "<EncodingType>url</EncodingType>"
	}
	reply(w, 200, "application/xml", fmt.Sprintf("<ListBucketResult><Name>%s</Name><Prefix>%s</Prefix><KeyCount>%d</KeyCount><MaxKeys>%d</MaxKeys>%s<IsTruncated>%t</IsTruncated>%s%s</ListBucketResult>",
		s.bucket, encode(prefix), count, most, encoding, more, token, rows.String()))
}

func (s *sink) deleteMany(w http.ResponseWriter, body []byte) {
	var wanted struct {
		Objects []struct{ Key string } `xml:"Object"`
	}
	if xml.Unmarshal(body, &wanted) != nil {
		fail(w, 400, "MalformedXML")
		return
	}
	s.mu.Lock()
	for _, one := range wanted.Objects {
		delete(s.objects, one.Key)
	}
	s.stale = true
	s.mu.Unlock()
	reply(w, 200, "application/xml", "<DeleteResult></DeleteResult>")
}

func (s *sink) multipart(w http.ResponseWriter, r *http.Request, key string, query url.Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, begins := query["uploads"]; begins {
		name := "u" + strconv.Itoa(len(s.heads))
		s.uploads[name], s.heads[name] = map[int][]byte{}, kept(r.Header)
		reply(w, 200, "application/xml", "<InitiateMultipartUploadResult><UploadId>"+name+"</UploadId></InitiateMultipartUploadResult>")
		return
	}
	parts, numbers := s.uploads[query.Get("uploadId")], []int{}
	for number := range parts {
		numbers = append(numbers, number)
	}
	sort.Ints(numbers)
	var whole, digests []byte
	for _, number := range numbers {
		whole = append(whole, parts[number]...)
		digest := md5.Sum(parts[number])
		digests = append(digests, digest[:]...)
	}
	etag := fmt.Sprintf("%s-%d", sum(digests), len(numbers))
	s.objects[key] = &object{whole, etag, s.heads[query.Get("uploadId")], time.Now().UTC()}
	s.stale = true
	reply(w, 200, "application/xml", "<CompleteMultipartUploadResult><ETag>&quot;"+etag+"&quot;</ETag></CompleteMultipartUploadResult>")
}

func (s *sink) cloudFront(w http.ResponseWriter, r *http.Request) {
	s.count("cloudfront")
	switch {
	case strings.HasSuffix(r.URL.Path, "/invalidation"):
		s.mu.Lock()
		s.invalid++
		s.mu.Unlock()
		reply(w, 201, "text/xml", "<Invalidation><Id>I1</Id></Invalidation>")
	case strings.HasSuffix(r.URL.Path, "/config"):
		reply(w, 200, "text/xml", "<DistributionConfig><Origins><Items><Origin><DomainName>"+s.bucket+
			".s3.us-east-1.amazonaws.com</DomainName></Origin></Items></Origins><DefaultCacheBehavior><FunctionAssociations><Items>"+
			"<FunctionAssociation><FunctionARN>arn:aws:cloudfront::"+account+":function/edge</FunctionARN>"+
			"<EventType>viewer-request</EventType></FunctionAssociation></Items></FunctionAssociations></DefaultCacheBehavior>"+
			"<Enabled>true</Enabled></DistributionConfig>")
	default:
		reply(w, 200, "text/xml", "<FunctionSummary><FunctionConfig><KeyValueStoreAssociations><Items><KeyValueStoreAssociation>"+
			"<KeyValueStoreARN>arn:aws:cloudfront::"+account+":key-value-store/bench</KeyValueStoreARN>"+
			"</KeyValueStoreAssociation></Items></KeyValueStoreAssociations></FunctionConfig></FunctionSummary>")
	}
}

func (s *sink) keyValueStore(w http.ResponseWriter, r *http.Request, body []byte) {
	s.count("kvs")
	s.mu.Lock()
	defer s.mu.Unlock()
	// The ARN holds an encoded slash, so the path is split before it is decoded.
	parts := strings.Split(r.URL.EscapedPath(), "/")
	etag := "KV" + strconv.Itoa(s.version)
	switch {
	case len(parts) == 3:
		w.Header().Set("ETag", etag)
		reply(w, 200, "application/json", `{"ItemCount":1}`)
	case r.Method == http.MethodGet:
		key, _ := url.PathUnescape(parts[4])
		value, there := s.values[key]
		if !there {
			w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			reply(w, 404, "application/json", `{}`)
			return
		}
		out, _ := json.Marshal(map[string]string{"Key": key, "Value": value})
		reply(w, 200, "application/json", string(out))
	default:
		var update struct {
			Puts    []struct{ Key, Value string }
			Deletes []struct{ Key string }
		}
		if r.Header.Get("If-Match") != etag || json.Unmarshal(body, &update) != nil {
			w.Header().Set("X-Amzn-Errortype", "ConflictException")
			reply(w, 409, "application/json", `{}`)
			return
		}
		for _, one := range update.Puts {
			s.values[one.Key] = one.Value
		}
		for _, one := range update.Deletes {
			delete(s.values, one.Key)
		}
		s.version++
		w.Header().Set("ETag", "KV"+strconv.Itoa(s.version))
		reply(w, 200, "application/json", `{}`)
	}
}

func kept(header http.Header) map[string]string {
	found := map[string]string{}
	for name := range header {
		switch {
		case name == "Content-Type", name == "Cache-Control", strings.HasPrefix(name, "X-Amz-Meta-"):
			found[name] = header.Get(name)
		}
	}
	return found
}

// unchunked undoes aws-chunked, which SDKs use for trailing checksums.
func unchunked(body []byte) []byte {
	var out []byte
	reader := bufio.NewReader(strings.NewReader(string(body)))
	for {
		line, err := reader.ReadString('\n')
		size, bad := strconv.ParseInt(strings.TrimSpace(strings.Split(line, ";")[0]), 16, 64)
		if err != nil || bad != nil || size == 0 {
			return out
		}
		piece := make([]byte, size)
		if _, err := io.ReadFull(reader, piece); err != nil {
			return out
		}
		out = append(out, piece...)
		reader.ReadString('\n')
	}
}

func sum(data []byte) string {
	digest := md5.Sum(data)
	return hex.EncodeToString(digest[:])
}

func reply(w http.ResponseWriter, status int, kind, body string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func fail(w http.ResponseWriter, status int, code string) {
	reply(w, status, "application/xml", "<Error><Code>"+code+"</Code><Message>refused</Message></Error>")
}

func main() {
	latency := flag.Duration("latency", 30*time.Millisecond, "how long every answer takes")
	bucket := flag.String("bucket", "site", "the bucket there is")
	flag.Parse()
	// It shares the machine's processors with the tool that is measured: as little of its own work as can be.
	debug.SetGCPercent(400)
	s := &sink{bucket: *bucket, latency: *latency, objects: map[string]*object{}, values: map[string]string{},
		version: 1, uploads: map[string]map[int][]byte{}, heads: map[string]map[string]string{}, requests: map[string]int{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Fprintln(os.Stderr, http.Serve(listener, s))
}
