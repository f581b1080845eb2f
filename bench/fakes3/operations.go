package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
)

const timeLayout = "2006-01-02T15:04:05.000Z"

func (s *store) serve(w http.ResponseWriter, r *http.Request, c call) {
	w.Header().Set("x-amz-request-id", "0")
	s.mu.Lock()
	b := s.buckets[c.bucket]
	if c.operation == "CreateBucket" && b == nil {
		s.buckets[c.bucket] = &bucket{objects: map[string]*object{}, settings: map[string][]byte{}}
	}
	s.mu.Unlock()
	switch {
	case c.operation == "CreateBucket":
		w.WriteHeader(http.StatusOK)
	case b == nil:
		fail(w, r, http.StatusNotFound, "NoSuchBucket")
	case strings.Contains(c.operation, "Bucket:"):
		s.serveSetting(w, r, b)
	case c.key == "":
		s.serveBucket(w, r, c, b)
	case r.URL.Query().Has("uploadId") || c.operation == "CreateMultipartUpload":
		s.serveUpload(w, r, c, b)
	default:
		s.serveKey(w, r, c, b)
	}
}

func (s *store) serveSetting(w http.ResponseWriter, r *http.Request, b *bucket) {
	name := subresource(r)
	content, err := io.ReadAll(body(r))
	if err != nil {
		fail(w, r, http.StatusBadRequest, "IncompleteBody")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		b.settings[name] = content
	case http.MethodDelete:
		delete(b.settings, name)
		w.WriteHeader(http.StatusNoContent)
	default:
		if b.settings[name] == nil {
			fail(w, r, http.StatusNotFound, "NoSuchConfiguration")
			return
		}
		w.Write(b.settings[name])
	}
}

func (s *store) serveBucket(w http.ResponseWriter, r *http.Request, c call, b *bucket) {
	switch c.operation {
	case "HeadBucket":
		w.WriteHeader(http.StatusOK)
	case "ListObjects", "ListObjectsV2":
		s.list(w, r, c, b)
	case "ListMultipartUploads":
		s.listUploads(w, r, c)
	case "DeleteObjects":
		s.deleteMany(w, r, b)
	default:
		fail(w, r, http.StatusNotImplemented, "NotImplemented")
	}
}

func (s *store) serveKey(w http.ResponseWriter, r *http.Request, c call, b *bucket) {
	switch c.operation {
	case "HeadObject", "GetObject":
		o := s.find(c.bucket, c.key)
		if o == nil {
			fail(w, r, http.StatusNotFound, "NoSuchKey")
			return
		}
		s.serveObject(w, r, o)
	case "PutObject":
		part, err := s.save(r)
		if err != nil {
			fail(w, r, http.StatusBadRequest, "IncompleteBody")
			return
		}
		o := s.newObject([]segment{part}, r)
		if !s.put(b, c.key, o, r.Header.Get("If-None-Match") == "*") {
			fail(w, r, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		w.Header().Set("ETag", o.etag)
	case "CopyObject":
		s.copyObject(w, r, c, b)
	case "DeleteObject":
		s.remove(b, c.key)
		w.WriteHeader(http.StatusNoContent)
	default:
		fail(w, r, http.StatusNotImplemented, "NotImplemented")
	}
}

func (s *store) copyObject(w http.ResponseWriter, r *http.Request, c call, b *bucket) {
	source := s.find(copySource(r))
	if source == nil {
		fail(w, r, http.StatusNotFound, "NoSuchKey")
		return
	}
	segments, err := s.link(source, 0, source.size)
	if err != nil {
		fail(w, r, http.StatusInternalServerError, "InternalError")
		return
	}
	o := s.newObject(segments, r)
	s.put(b, c.key, o, false)
	writeXML(w, copied{XMLName: xml.Name{Local: "CopyObjectResult"}, ETag: o.etag, LastModified: o.modified.UTC().Format(timeLayout)})
}

func (s *store) deleteMany(w http.ResponseWriter, r *http.Request, b *bucket) {
	type deleted struct{ Key string }
	var wanted struct{ Object []deleted }
	if err := xml.NewDecoder(body(r)).Decode(&wanted); err != nil {
		fail(w, r, http.StatusBadRequest, "MalformedXML")
		return
	}
	for _, o := range wanted.Object {
		s.remove(b, o.Key)
	}
	writeXML(w, struct {
		XMLName xml.Name `xml:"DeleteResult"`
		Deleted []deleted
	}{Deleted: wanted.Object})
}

type copied struct {
	XMLName            xml.Name
	ETag, LastModified string
}

type listedObject struct {
	Key, LastModified, ETag string
	Size                    int64
	StorageClass            string
}

type listing struct {
	XMLName                                                            xml.Name `xml:"ListBucketResult"`
	Name, Prefix, Delimiter, Marker, NextMarker, NextContinuationToken string
	KeyCount, MaxKeys                                                  int
	IsTruncated                                                        bool
	Contents                                                           []listedObject
	CommonPrefixes                                                     []struct{ Prefix string }
}

// list answers both versions of ListObjects; the continuation token is simply the last name of the page.
func (s *store) list(w http.ResponseWriter, r *http.Request, c call, b *bucket) {
	query := r.URL.Query()
	prefix, delimiter := query.Get("prefix"), query.Get("delimiter")
	after := max(query.Get("marker"), query.Get("start-after"), query.Get("continuation-token"))
	page := listing{Name: c.bucket, Prefix: prefix, Delimiter: delimiter, Marker: query.Get("marker"), MaxKeys: 1000}
	if n, err := strconv.Atoi(query.Get("max-keys")); err == nil {
		page.MaxKeys = min(n, 1000)
	}
	s.mu.Lock()
	keys := s.keysFrom(b, prefix, after)
	for i := 0; i < len(keys) && strings.HasPrefix(keys[i], prefix); {
		key := keys[i]
		name, isPrefix := commonPrefix(key, prefix, delimiter)
		if key <= after || isPrefix && name <= after {
			i++
			continue
		}
		if page.KeyCount >= page.MaxKeys {
			page.IsTruncated = true
			break
		}
		page.KeyCount++
		page.NextMarker = name
		if isPrefix {
			page.CommonPrefixes = append(page.CommonPrefixes, struct{ Prefix string }{name})
			i += sort.Search(len(keys)-i, func(j int) bool { return !strings.HasPrefix(keys[i+j], name) })
			continue
		}
		o := b.objects[key]
		page.Contents = append(page.Contents, listedObject{key, o.modified.UTC().Format(timeLayout), o.etag, o.size, "STANDARD"})
		i++
	}
	s.mu.Unlock()
	page.NextContinuationToken = page.NextMarker
	if !page.IsTruncated {
		page.NextMarker, page.NextContinuationToken = "", ""
	}
	writeXML(w, page)
}

func commonPrefix(key, prefix, delimiter string) (string, bool) {
	if delimiter != "" {
		if i := strings.Index(key[len(prefix):], delimiter); i >= 0 {
			return key[:len(prefix)+i+len(delimiter)], true
		}
	}
	return key, false
}

func parseRange(header string, size int64) (int64, int64, error) {
	if header == "" {
		return 0, size, nil
	}
	var first, last int64
	if _, err := fmt.Sscanf(header, "bytes=%d-%d", &first, &last); err != nil || last < first || last >= size {
		return 0, 0, fmt.Errorf("bad range %q", header)
	}
	return first, last - first + 1, nil
}
