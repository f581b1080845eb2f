// Command fakes3 is the S3 endpoint of `make bench`: as cheap as possible, without authentication, counting every request.
//
//	GET  /__count?bucket=B   {"operations": {"PutObject": 3, ...}, "bytes_in": n, "bytes_out": n}; without bucket: all of them
//	POST /__reset?bucket=B   forget the counts
//	POST /__hollow?bucket=B  give up the stored bytes: objects keep their size and read as zeros (a long run fits into memory)
//
// It prints "listening on HOST:PORT" once it is ready.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address; port 0 takes a free one")
	root := flag.String("root", "", "empty folder for the bodies, best on a tmpfs")
	delay := flag.Duration("delay", 0, "added to every request, to imitate S3's first-byte latency")
	flag.Parse()
	if *root == "" {
		log.Fatal("fakes3: -root must name an empty folder for the bodies")
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	log.Fatal(http.Serve(listener, counted(newStore(*root), *delay)))
}

type tally struct {
	Operations map[string]int64 `json:"operations"`
	BytesIn    int64            `json:"bytes_in"`
	BytesOut   int64            `json:"bytes_out"`
}

func newTally() *tally { return &tally{Operations: map[string]int64{}} }

func (t *tally) add(other *tally) {
	for name, n := range other.Operations {
		t.Operations[name] += n
	}
	t.BytesIn += other.BytesIn
	t.BytesOut += other.BytesOut
}

// counted serves the store and the control addresses. A request is counted when it is answered.
func counted(s *store, delay time.Duration) http.Handler {
	var mu sync.Mutex
	tallies := map[string]*tally{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wanted := r.URL.Query().Get("bucket")
		switch r.URL.Path {
		case "/__count":
			mu.Lock()
			defer mu.Unlock()
			sum := newTally()
			for bucket, t := range tallies {
				if wanted == "" || wanted == bucket {
					sum.add(t)
				}
			}
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(sum)
			return
		case "/__reset":
			mu.Lock()
			defer mu.Unlock()
			for bucket := range tallies {
				if wanted == "" || wanted == bucket {
					delete(tallies, bucket)
				}
			}
			return
		case "/__hollow":
			s.hollow(wanted)
			return
		}
		time.Sleep(delay)
		answer := &measuredWriter{ResponseWriter: w}
		call := parse(r)
		s.serve(answer, r, call)
		mu.Lock()
		defer mu.Unlock()
		t := tallies[call.bucket]
		if t == nil {
			t = newTally()
			tallies[call.bucket] = t
		}
		t.Operations[call.operation]++
		t.BytesIn += max(r.ContentLength, 0)
		t.BytesOut += answer.written
	})
}

// call is one request, named as S3 names it.
type call struct{ operation, bucket, key string }

func parse(r *http.Request) call {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if key == "" {
		return call{bucketOperation(r), bucket, ""}
	}
	return call{objectOperation(r), bucket, key}
}

func bucketOperation(r *http.Request) string {
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && query.Has("delete"):
		return "DeleteObjects"
	case r.Method == http.MethodGet && query.Has("uploads"):
		return "ListMultipartUploads"
	case subresource(r) != "":
		return map[string]string{"GET": "Get", "PUT": "Put", "DELETE": "Delete"}[r.Method] + "Bucket:" + subresource(r)
	case r.Method == http.MethodGet && query.Get("list-type") == "2":
		return "ListObjectsV2"
	}
	return map[string]string{"GET": "ListObjects", "HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}[r.Method]
}

// subresource is the "lifecycle" of PUT /bucket?lifecycle: settings of a bucket, which are kept but mean nothing here.
func subresource(r *http.Request) string {
	for _, name := range []string{"lifecycle", "versioning", "cors", "notification", "policy", "publicAccessBlock",
		"encryption", "tagging", "location", "ownershipControls", "acl"} {
		if r.URL.Query().Has(name) {
			return name
		}
	}
	return ""
}

func objectOperation(r *http.Request) string {
	query, copied := r.URL.Query(), r.Header.Get("x-amz-copy-source") != ""
	switch r.Method {
	case http.MethodHead:
		return "HeadObject"
	case http.MethodGet:
		if query.Has("uploadId") {
			return "ListParts"
		}
		return "GetObject"
	case http.MethodPut:
		switch {
		case query.Has("partNumber") && copied:
			return "UploadPartCopy"
		case query.Has("partNumber"):
			return "UploadPart"
		case copied:
			return "CopyObject"
		}
		return "PutObject"
	case http.MethodPost:
		if query.Has("uploads") {
			return "CreateMultipartUpload"
		}
		return "CompleteMultipartUpload"
	case http.MethodDelete:
		if query.Has("uploadId") {
			return "AbortMultipartUpload"
		}
		return "DeleteObject"
	}
	return r.Method
}

type measuredWriter struct {
	http.ResponseWriter
	written int64
}

func (m *measuredWriter) Write(b []byte) (int, error) {
	n, err := m.ResponseWriter.Write(b)
	m.written += int64(n)
	return n, err
}
