package main

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"
)

const minimumPart = 5 << 20 // every part but the last, as S3 demands

type upload struct {
	id, bucket, key string
	started         time.Time
	headers         http.Header
	parts           map[int]*object
}

func (s *store) serveUpload(w http.ResponseWriter, r *http.Request, c call, b *bucket) {
	if c.operation == "CreateMultipartUpload" {
		s.createUpload(w, r, c)
		return
	}
	s.mu.Lock()
	u := s.uploads[r.URL.Query().Get("uploadId")]
	s.mu.Unlock()
	if u == nil || u.bucket != c.bucket || u.key != c.key {
		fail(w, r, http.StatusNotFound, "NoSuchUpload")
		return
	}
	switch c.operation {
	case "UploadPart", "UploadPartCopy":
		s.uploadPart(w, r, u)
	case "ListParts":
		s.listParts(w, u)
	case "AbortMultipartUpload":
		s.forget(u)
		w.WriteHeader(http.StatusNoContent)
	case "CompleteMultipartUpload":
		s.complete(w, r, u, b)
	default:
		fail(w, r, http.StatusNotImplemented, "NotImplemented")
	}
}

func (s *store) createUpload(w http.ResponseWriter, r *http.Request, c call) {
	u := &upload{fmt.Sprintf("upload-%d", s.next()), c.bucket, c.key, time.Now(), kept(r.Header), map[int]*object{}}
	s.mu.Lock()
	s.uploads[u.id] = u
	s.mu.Unlock()
	writeXML(w, struct {
		XMLName               xml.Name `xml:"InitiateMultipartUploadResult"`
		Bucket, Key, UploadId string
	}{Bucket: u.bucket, Key: u.key, UploadId: u.id})
}

func (s *store) uploadPart(w http.ResponseWriter, r *http.Request, u *upload) {
	number, err := strconv.Atoi(r.URL.Query().Get("partNumber"))
	if err != nil || number < 1 || number > 10000 {
		fail(w, r, http.StatusBadRequest, "InvalidArgument")
		return
	}
	var segments []segment
	isCopy := r.Header.Get("x-amz-copy-source") != ""
	if isCopy {
		segments, err = s.copiedPart(r)
	} else {
		var saved segment
		saved, err = s.save(r)
		segments = []segment{saved}
	}
	if err != nil {
		fail(w, r, http.StatusBadRequest, "InvalidRequest")
		return
	}
	part := s.newObject(segments, r)
	s.mu.Lock()
	if old := u.parts[number]; old != nil {
		s.discard(old.segments)
	}
	u.parts[number] = part
	s.mu.Unlock()
	if isCopy {
		writeXML(w, copied{XMLName: xml.Name{Local: "CopyPartResult"}, ETag: part.etag, LastModified: part.modified.UTC().Format(timeLayout)})
		return
	}
	w.Header().Set("ETag", part.etag)
}

func (s *store) copiedPart(r *http.Request) ([]segment, error) {
	source := s.find(copySource(r))
	if source == nil {
		return nil, fmt.Errorf("no such key")
	}
	from, size, err := parseRange(r.Header.Get("x-amz-copy-source-range"), source.size)
	if err != nil {
		return nil, err
	}
	return s.link(source, from, size)
}

func (s *store) complete(w http.ResponseWriter, r *http.Request, u *upload, b *bucket) {
	var wanted struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.NewDecoder(body(r)).Decode(&wanted); err != nil || len(wanted.Part) == 0 {
		fail(w, r, http.StatusBadRequest, "MalformedXML")
		return
	}
	var segments []segment
	s.mu.Lock()
	for i, named := range wanted.Part {
		part := u.parts[named.PartNumber]
		problem := ""
		switch {
		case part == nil || strings.Trim(part.etag, `"`) != strings.Trim(named.ETag, `"`):
			problem = "InvalidPart"
		case i > 0 && named.PartNumber <= wanted.Part[i-1].PartNumber:
			problem = "InvalidPartOrder"
		case i < len(wanted.Part)-1 && part.size < minimumPart:
			problem = "EntityTooSmall"
		}
		if problem != "" {
			s.mu.Unlock()
			fail(w, r, http.StatusBadRequest, problem)
			return
		}
		segments = append(segments, part.segments...)
	}
	for _, named := range wanted.Part {
		delete(u.parts, named.PartNumber) // the object owns them now
	}
	s.mu.Unlock()
	o := s.newObject(segments, r)
	o.headers = u.headers
	s.forget(u)
	if !s.put(b, u.key, o, r.Header.Get("If-None-Match") == "*") {
		fail(w, r, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	writeXML(w, struct {
		XMLName           xml.Name `xml:"CompleteMultipartUploadResult"`
		Bucket, Key, ETag string
	}{Bucket: u.bucket, Key: u.key, ETag: o.etag})
}

// forget ends an upload and frees the parts that no object took over.
func (s *store) forget(u *upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.uploads, u.id)
	for _, part := range u.parts {
		s.discard(part.segments)
	}
}

func (s *store) listParts(w http.ResponseWriter, u *upload) {
	type listedPart struct {
		PartNumber         int
		LastModified, ETag string
		Size               int64
	}
	var parts []listedPart
	s.mu.Lock()
	for number, part := range u.parts {
		parts = append(parts, listedPart{number, part.modified.UTC().Format(timeLayout), part.etag, part.size})
	}
	s.mu.Unlock()
	sort.Slice(parts, func(i, j int) bool { return parts[i].PartNumber < parts[j].PartNumber })
	writeXML(w, struct {
		XMLName               xml.Name `xml:"ListPartsResult"`
		Bucket, Key, UploadId string
		IsTruncated           bool
		Part                  []listedPart
	}{Bucket: u.bucket, Key: u.key, UploadId: u.id, Part: parts})
}

func (s *store) listUploads(w http.ResponseWriter, r *http.Request, c call) {
	type listedUpload struct{ Key, UploadId, Initiated string }
	var uploads []listedUpload
	s.mu.Lock()
	for _, u := range s.uploads {
		if u.bucket == c.bucket && strings.HasPrefix(u.key, r.URL.Query().Get("prefix")) {
			uploads = append(uploads, listedUpload{u.key, u.id, u.started.UTC().Format(timeLayout)})
		}
	}
	s.mu.Unlock()
	sort.Slice(uploads, func(i, j int) bool { return uploads[i].Key < uploads[j].Key })
	writeXML(w, struct {
		XMLName        xml.Name `xml:"ListMultipartUploadsResult"`
		Bucket, Prefix string
		IsTruncated    bool
		Upload         []listedUpload
	}{Bucket: c.bucket, Prefix: r.URL.Query().Get("prefix"), Upload: uploads})
}
