"""The style sheet of the report's page: light, dark and paper."""

STYLE = """
:root{--bg:#f6f7f9;--card:#fff;--ink:#1a2029;--soft:#5b6573;--line:#e1e5ea;--code:#f0f2f5;
--high:#b92b2b;--medium:#8f5500;--low:#1b649f;--info:#5b6470;--good:#1f7a46;--accent:#2f5bd0}
@media (prefers-color-scheme:dark){:root{--bg:#12151a;--card:#1b2027;--ink:#e8ebef;--soft:#9aa5b3;
--line:#2c333d;--code:#242a33;--high:#ff7a74;--medium:#f0b04e;--low:#79b8f3;--info:#a5afbb;
--good:#63cf93;--accent:#8fabff}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:64rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
header{margin-bottom:1.5rem}
header span{display:inline-block;margin-right:1.5rem;color:var(--soft);font-size:.9rem}
header b{font-weight:600;color:var(--ink)}
.eyebrow{margin:0;color:var(--accent);font-size:.8rem;font-weight:600;letter-spacing:.06em;
text-transform:uppercase}
h1{margin:.1rem 0 .5rem;font-size:2.2rem;line-height:1.15;letter-spacing:-.02em;overflow-wrap:anywhere}
h2{margin:0 0 .9rem;font-size:1.3rem;letter-spacing:-.01em}
h2 small{font-weight:400;font-size:.85rem;color:var(--soft);margin-left:.4rem}
h3{margin:0 0 .5rem;font-size:1rem}
section{margin:2.4rem 0}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.84em}
code{background:var(--code);border-radius:4px;padding:.1em .35em;overflow-wrap:anywhere}
pre{margin:.5rem 0 0;padding:.6rem .8rem;background:var(--code);border-radius:8px;white-space:pre-wrap;
overflow-wrap:anywhere}
a{color:var(--accent)}
.tiles{display:grid;grid-template-columns:repeat(6,1fr);gap:.75rem;margin:1.5rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-top:3px solid var(--c,var(--line));
border-radius:10px;padding:.8rem .9rem}
.tile strong{display:block;font-size:1.9rem;line-height:1.1;color:var(--c);font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.83rem}
.tile.zero strong{color:var(--soft)}
.high{--c:var(--high)}.medium{--c:var(--medium)}.low{--c:var(--low)}.info{--c:var(--info)}
.passed{--c:var(--good)}.unread{--c:var(--soft)}
.seen{columns:3 17rem;column-gap:.75rem}
.seen>div{break-inside:avoid;margin-bottom:.75rem;
background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.9rem 1rem}
dl{margin:0;display:grid;grid-template-columns:auto 1fr;gap:.15rem .9rem;font-size:.9rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.band{display:flex;align-items:center;gap:.6rem;margin:1.6rem 0 .7rem;color:var(--c)}
.band::after{content:"";flex:1;height:1px;background:var(--line)}
article{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--c);border-radius:10px;
padding:1rem 1.15rem;margin-bottom:.75rem}
article p{margin:.4rem 0 0}
h4{margin:0;font-size:1.02rem;display:flex;justify-content:space-between;gap:1rem;align-items:baseline}
h4 small{flex:none;font-weight:400;font-size:.8rem;color:var(--soft)}
.evidence{font-size:.92rem}.evidence span{color:var(--soft);overflow-wrap:anywhere}
.mend b{color:var(--good);font-weight:600;margin-right:.3rem}
.cost{font-size:.88rem;color:var(--soft)}
.source{font-size:.8rem;color:var(--soft);display:flex;flex-wrap:wrap;gap:.3rem .8rem;align-items:baseline}
.source code{background:none;padding:0}
table{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line);
border-radius:10px;overflow:hidden;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.6rem .85rem;border-bottom:1px solid var(--line)}
tbody tr:last-child>*{border-bottom:0}
thead th{color:var(--soft);font-weight:600;font-size:.8rem}
tfoot>tr>*{border-top:1px solid var(--line);border-bottom:0}
.wide{overflow-x:auto;border-radius:10px}
.wide:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr.chosen>*{background:color-mix(in srgb,var(--good) 10%,transparent)}
.reasons{margin:.2rem 0 1rem;padding-left:1.1rem}
.bar{height:6px;border-radius:3px;background:var(--line);overflow:hidden;margin-bottom:1rem}
.bar i{display:block;height:100%;background:var(--good)}
.columns{columns:2;column-gap:1.25rem}
.columns>div{break-inside:avoid;background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:.9rem 1rem;margin-bottom:.75rem}
.steps{list-style:none;margin:0;padding:0}
.steps li{display:flex;gap:.6rem;padding:.3rem 0}
.steps i{flex:none;width:1.2rem;font-style:normal;font-weight:700;color:var(--soft);text-align:center}
.steps .done i{color:var(--good)}
.steps small{display:block;color:var(--soft);overflow-wrap:anywhere}
dl.passed{grid-template-columns:minmax(9rem,auto) 1fr;gap:.5rem 1rem}
dl.passed code{display:inline-block;margin:0 .2rem .25rem 0}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.85rem}
@media (max-width:46rem){.tiles{grid-template-columns:repeat(3,1fr)}.columns{columns:1}
h4{flex-direction:column;gap:0}.wide td:not(.number){min-width:11rem}
.wide thead .number{white-space:normal}}
@media print{@page{margin:14mm}
:root{--bg:#fff;--card:#fff;--ink:#111;--soft:#555;--line:#ccc;--code:#f3f3f3;--high:#b02222;
--medium:#8a5200;--low:#185a92;--info:#555;--good:#1a663b;--accent:#1d419c}
body{font-size:10pt}main{max-width:none;padding:0}section{margin:1.2rem 0}h1{font-size:20pt}
article,.tile,.seen>div,.columns>div,.keep,tr{break-inside:avoid}h2,h3,h4{break-after:avoid}
.tile,article,tr.chosen>*,.bar,.bar i{-webkit-print-color-adjust:exact;print-color-adjust:exact}
a{text-decoration:none}.source a::after{content:" (" attr(href) ")";overflow-wrap:anywhere}}
"""
