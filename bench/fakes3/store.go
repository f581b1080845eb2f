package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// segment is a stretch of a file. An object is a list of them, so that completing a multipart upload or copying a part
// moves no bytes through this process: inside S3 that work costs the caller nothing either.
type segment struct {
	path         string // empty: zeros, see hollow
	offset, size int64
}

type object struct {
	segments []segment
	size     int64
	etag     string
	modified time.Time
	headers  http.Header // what HEAD and GET must repeat
}

type bucket struct {
	objects  map[string]*object
	sorted   []string // keys in order; nil when a key came or went since
	settings map[string][]byte
}

type store struct {
	root    string
	serial  atomic.Int64
	mu      sync.Mutex
	spare   []string // files whose content nobody needs any more
	buckets map[string]*bucket
	uploads map[string]*upload
}

func newStore(root string) *store {
	return &store{root: root, buckets: map[string]*bucket{}, uploads: map[string]*upload{}}
}

func (s *store) next() int64 { return s.serial.Add(1) }

// path is a fresh file name.
func (s *store) path() string { return filepath.Join(s.root, fmt.Sprint(s.next())) }

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 1<<20); return &b }}

// save writes a request's body to a file of its own.
func (s *store) save(r *http.Request) (segment, error) {
	file, err := os.OpenFile(s.pathFor(r.ContentLength), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return segment{}, err
	}
	defer file.Close()
	buffer := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buffer)
	n, err := io.CopyBuffer(struct{ io.Writer }{file}, body(r), *buffer)
	if err == nil && r.ContentLength >= 0 && !isChunked(r) && n != r.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		os.Remove(file.Name())
		return segment{}, err
	}
	return segment{file.Name(), 0, n}, nil
}

func (s *store) newObject(segments []segment, r *http.Request) *object {
	o := &object{segments: segments, modified: time.Now(), headers: kept(r.Header)}
	for _, part := range segments {
		o.size += part.size
	}
	o.etag = fmt.Sprintf("\"%032x\"", s.next())
	return o
}

func kept(header http.Header) http.Header {
	out := http.Header{}
	for name, values := range header {
		lower := strings.ToLower(name)
		if lower == "content-type" || strings.HasPrefix(lower, "x-amz-meta-") || strings.HasPrefix(lower, "x-amz-checksum-") {
			out[name] = values
		}
	}
	return out
}

// put makes the object visible; with `absent` only if the key is free (If-None-Match: *).
func (s *store) put(b *bucket, key string, o *object, absent bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := b.objects[key]
	if old != nil && absent {
		s.discard(o.segments)
		return false
	}
	if old == nil {
		b.sorted = nil
	} else {
		s.discard(old.segments)
	}
	b.objects[key] = o
	return true
}

func (s *store) remove(b *bucket, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := b.objects[key]; o != nil {
		s.discard(o.segments)
		delete(b.objects, key)
		b.sorted = nil
	}
}

func (s *store) find(bucketName, key string) *object {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.buckets[bucketName]; b != nil {
		return b.objects[key]
	}
	return nil
}

// link gives the bytes a second name, cut to the range, so that the first may be deleted.
func (s *store) link(o *object, from, size int64) ([]segment, error) {
	var out []segment
	for _, part := range o.segments {
		if from >= part.size {
			from -= part.size
			continue
		}
		take := min(part.size-from, size)
		if take <= 0 {
			break
		}
		path := ""
		if part.path != "" {
			path = s.path()
			if err := os.Link(part.path, path); err != nil {
				return nil, err
			}
		}
		out = append(out, segment{path, part.offset + from, take})
		size -= take
		from = 0
	}
	return out, nil
}

// A large file that is not needed any more is written over by the next body: memory that the system takes back and hands
// out again costs more than all the rest of this program, and not the same every time.
const recycled = 1 << 20

func (s *store) pathFor(size int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if size < recycled || len(s.spare) == 0 {
		return s.path()
	}
	path := s.spare[len(s.spare)-1]
	s.spare = s.spare[:len(s.spare)-1]
	return path
}

// discard is called with the lock held.
func (s *store) discard(segments []segment) {
	for _, part := range segments {
		info, err := os.Stat(part.path)
		if err == nil && info.Size() >= recycled && info.Sys().(*syscall.Stat_t).Nlink == 1 {
			s.spare = append(s.spare, part.path)
		} else {
			os.Remove(part.path)
		}
	}
}

// hollow gives up the bytes of large objects; what is left are zeros.
func (s *store) hollow(bucketName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, b := range s.buckets {
		if bucketName != "" && bucketName != name {
			continue
		}
		for _, o := range b.objects {
			for i, part := range o.segments {
				if part.size >= recycled && part.path != "" {
					s.discard([]segment{part})
					o.segments[i].path = ""
				}
			}
		}
	}
}

// keysFrom answers the keys that start with the prefix and come after `after`, in order.
func (s *store) keysFrom(b *bucket, prefix, after string) []string {
	if b.sorted == nil {
		b.sorted = make([]string, 0, len(b.objects))
		for key := range b.objects {
			b.sorted = append(b.sorted, key)
		}
		sort.Strings(b.sorted)
	}
	start := max(prefix, after)
	return b.sorted[sort.SearchStrings(b.sorted, start):]
}

func (s *store) serveObject(w http.ResponseWriter, r *http.Request, o *object) {
	whole := r.Header.Get("Range") == "" && r.Header.Get("x-amz-checksum-mode") != "" // a range has no checksum
	for name, values := range o.headers {
		if whole || !strings.HasPrefix(strings.ToLower(name), "x-amz-checksum-") {
			w.Header()[name] = values
		}
	}
	if contentType := r.URL.Query().Get("response-content-type"); contentType != "" {
		w.Header().Set("Content-Type", contentType)
	} else if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "binary/octet-stream")
	}
	w.Header().Set("ETag", o.etag)
	reader := &objectReader{object: o}
	defer reader.close()
	http.ServeContent(w, r, "", o.modified, reader)
}

func copySource(r *http.Request) (string, string) {
	source, _ := url.PathUnescape(strings.TrimPrefix(r.Header.Get("x-amz-copy-source"), "/"))
	bucketName, key, _ := strings.Cut(source, "/")
	return bucketName, key
}

func writeXML(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/xml")
	io.WriteString(w, xml.Header)
	xml.NewEncoder(w).Encode(value)
}

func fail(w http.ResponseWriter, r *http.Request, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		fmt.Fprintf(w, "%s<Error><Code>%s</Code><Message>%s</Message></Error>", xml.Header, code, code)
	}
}
