package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// objectReader reads an object's segments one after the other; it seeks, so that http.ServeContent can serve ranges.
type objectReader struct {
	object *object
	at     int64
	file   *os.File
	open   int // the segment `file` belongs to
}

func (o *objectReader) Read(p []byte) (int, error) {
	begin := int64(0)
	for i, part := range o.object.segments {
		if o.at >= begin+part.size {
			begin += part.size
			continue
		}
		inside := o.at - begin
		if part.path == "" {
			n := min(int64(len(p)), part.size-inside)
			clear(p[:n])
			o.at += n
			return int(n), nil
		}
		if o.file == nil || o.open != i {
			o.close()
			file, err := os.Open(part.path)
			if err != nil {
				return 0, err
			}
			o.file, o.open = file, i
		}
		n, err := o.file.ReadAt(p[:min(int64(len(p)), part.size-inside)], part.offset+inside)
		o.at += int64(n)
		if n > 0 {
			err = nil
		}
		return n, err
	}
	return 0, io.EOF
}

func (o *objectReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.object.size
	}
	o.at = offset
	return offset, nil
}

func (o *objectReader) close() {
	if o.file != nil {
		o.file.Close()
		o.file = nil
	}
}

func isChunked(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("x-amz-content-sha256"), "STREAMING-") ||
		strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked")
}

// body is the request's payload, with the AWS SDKs' own chunk framing taken off. Signatures and trailers are not checked.
func body(r *http.Request) io.Reader {
	if isChunked(r) {
		return &chunkedReader{source: bufio.NewReaderSize(r.Body, 1<<16)}
	}
	return r.Body
}

type chunkedReader struct {
	source *bufio.Reader
	left   int64
	done   bool
}

func (c *chunkedReader) Read(p []byte) (int, error) {
	if c.done {
		return 0, io.EOF
	}
	if c.left == 0 {
		line, err := c.source.ReadString('\n')
		if err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		c.left, err = strconv.ParseInt(size, 16, 64)
		if err != nil || c.left < 0 {
			return 0, errors.New("fakes3: bad aws-chunked framing")
		}
		if c.left == 0 {
			c.done = true
			io.Copy(io.Discard, c.source)
			return 0, io.EOF
		}
	}
	n, err := c.source.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if c.left == 0 && err == nil {
		_, err = c.source.Discard(2) // the line end after the chunk
	}
	return n, err
}
