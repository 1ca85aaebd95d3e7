module s3sink

go 1.22
