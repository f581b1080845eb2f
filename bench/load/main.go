// Command load sends one request again and again over N connections that stay open, for a fixed time, and prints what it saw
// as JSON. It exists because wrk cannot send HEAD and other generators cost more CPU than the servers they measure.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"
)

type headers []string

func (h *headers) String() string         { return strings.Join(*h, ", ") }
func (h *headers) Set(value string) error { *h = append(*h, value); return nil }

type result struct {
	latencies []time.Duration
	statuses  map[int]int
	err       error
}

func main() {
	runtime.GOMAXPROCS(1) // leave the other cores to the server
	var extra headers
	method := flag.String("method", "GET", "")
	connections := flag.Int("connections", 1, "")
	duration := flag.Duration("duration", 3*time.Second, "")
	flag.Var(&extra, "header", "Name: value, may be repeated")
	flag.Parse()
	target, err := url.Parse(flag.Arg(0))
	if err != nil || target.Host == "" {
		log.Fatal("load: the last argument must be an http address")
	}
	request := &http.Request{Method: *method}
	wire := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n", *method, target.RequestURI(), target.Host)
	for _, line := range extra {
		wire += line + "\r\n"
	}
	wire += "\r\n"
	results := make([]result, *connections)
	var group sync.WaitGroup
	begin := time.Now()
	for i := range results {
		group.Add(1)
		go func() {
			defer group.Done()
			results[i] = hammer(target.Host, []byte(wire), request, begin.Add(*duration))
		}()
	}
	group.Wait()
	report(results, time.Since(begin))
}

func hammer(address string, wire []byte, request *http.Request, until time.Time) result {
	out := result{statuses: map[int]int{}}
	var connection net.Conn
	var reader *bufio.Reader
	for time.Now().Before(until) {
		if connection == nil {
			var err error
			if connection, err = net.DialTimeout("tcp", address, 10*time.Second); err != nil {
				out.err = err
				return out
			}
			reader = bufio.NewReaderSize(connection, 32<<10)
		}
		began := time.Now()
		connection.SetDeadline(began.Add(30 * time.Second))
		if _, out.err = connection.Write(wire); out.err != nil {
			return out
		}
		var answer *http.Response
		if answer, out.err = http.ReadResponse(reader, request); out.err != nil {
			return out
		}
		if _, out.err = io.Copy(io.Discard, answer.Body); out.err != nil {
			return out
		}
		out.latencies = append(out.latencies, time.Since(began))
		out.statuses[answer.StatusCode]++
		if answer.Close {
			connection.Close()
			connection = nil
		}
	}
	return out
}

func report(results []result, elapsed time.Duration) {
	var all []time.Duration
	statuses := map[string]int{}
	for _, one := range results {
		if one.err != nil {
			log.Fatal("load: ", one.err)
		}
		all = append(all, one.latencies...)
		for status, n := range one.statuses {
			statuses[fmt.Sprint(status)] += n
		}
	}
	if len(all) == 0 {
		log.Fatal("load: no request was answered")
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	quantile := func(q float64) float64 { return float64(all[int(q*float64(len(all)-1))].Microseconds()) / 1000 }
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"requests": len(all), "seconds": elapsed.Seconds(), "statuses": statuses,
		"p50_ms": quantile(0.5), "p99_ms": quantile(0.99),
	})
}
