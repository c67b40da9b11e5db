package daemon

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// metricsAt is the key of a configuration that has metrics at a port.
func metricsAt(port int) string {
	return fmt.Sprintf(`"user-context": { "dhcp4o6": { "metrics": { "port": %d } } },`, port)
}

// get reads the page as Prometheus does.
func get(t *testing.T, port int) (status int, page string) {
	t.Helper()
	c := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get(fmt.Sprintf("http://[::1]:%d/metrics", port))
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// A lease over 4o6 is seen in the metrics of both daemons, and the page is one that
// a linter of Prometheus' has nothing to say against.
func TestScrape(t *testing.T) {
	h := newHost(t)
	port4, port6 := freeTCP(t), freeTCP(t)
	h.start(dhcp4, Setup{ConfigFile: h.conf4(metricsAt(port4))})
	h.start(dhcp6, Setup{ConfigFile: h.conf6(metricsAt(port6))})
	h.mustLease("192.0.2.10")
	for port, want := range map[int][]string{
		port4: {
			`dhcp4d_packets_received_total{type="discover"} 1`, `dhcp4d_packets_received_total{type="request"} 1`, `dhcp4d_packets_sent_total{type="ack"} 1`,
			`dhcp4d_subnet_leases{kind="address",state="assigned",subnet="1"} 1`, `dhcp4d_pool_leases{kind="address",pool="0",state="assigned",subnet="1"} 1`,
			`dhcp4d_pool_size{kind="address",pool="0",subnet="1"} 90`, `dhcp4d_answer_duration_seconds_count 2`, `dhcp4d_commit_duration_seconds_count 1`,
			`dhcp4d_batch_size_count 2`, `dhcp4d_lease_file_writes_total 1`, `dhcp4d_lease_store_up 1`, `dhcp4d_4o6_peer_up 1`,
			`dhcp4d_packets_dropped_total{reason="malformed"} 0`, `dhcp4d_build_info{goversion="go`, "go_goroutines ", "process_resident_memory_bytes ",
		},
		port6: {
			`dhcp6d_packets_received_total{type="dhcpv4-query"} 2`, `dhcp6d_packets_sent_total{type="dhcpv4-response"} 2`, `dhcp6d_4o6_forwarded_total 2`,
			`dhcp6d_4o6_returned_total 2`, `dhcp6d_4o6_no_receipt_total 0`, `dhcp6d_4o6_round_trip_seconds_count 2`, `dhcp6d_4o6_no_peer_total 0`,
			`dhcp6d_4o6_receive_drop_total 0`, `dhcp6d_socket_receive_drop_total 0`,
		},
	} {
		status, page := get(t, port)
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, page)
		}
		contains(t, page, want...)
		problems, err := promlint.New(strings.NewReader(page)).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// Nothing but a question for the page is answered.
func TestScrapeAnswersNothingElse(t *testing.T) {
	h := newHost(t)
	port := freeTCP(t)
	h.start(dhcp4, Setup{ConfigFile: h.conf4(metricsAt(port))})
	for _, tt := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/metrics", "", 200},
		{"HEAD", "/metrics", "", 200},
		{"POST", "/metrics", "x", 405},
		{"GET", "/", "", 404},
		{"GET", "/debug/pprof/", "", 404},
		{"GET", "/metrics/../metrics", "", 307},
	} {
		r, err := http.NewRequest(tt.method, fmt.Sprintf("http://[::1]:%d%s", port, tt.path), strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		if got.StatusCode != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, got.StatusCode, tt.want)
		}
	}
}

// Without the key there is no page. A reload opens it, moves it, leaves it alone
// and closes it; one that cannot open it changes nothing.
func TestScrapeFollowsReloads(t *testing.T) {
	h := newHost(t)
	r := h.start(dhcp4, Setup{ConfigFile: h.conf4("")})
	one, two, taken := freeTCP(t), freeTCP(t), freeTCP(t)
	up := func(port int, want bool) {
		t.Helper()
		if status, text := get(t, port); (status == http.StatusOK) != want {
			t.Errorf("port %d: %d %.100s", port, status, text)
		}
	}
	up(one, false)
	h.conf4(metricsAt(one))
	contains(t, r.reload(), "succeeded", "metrics are to be had")
	up(one, true)
	if said := r.reload(); strings.Contains(said, "metrics") {
		t.Errorf("without a change: %s", said)
	}
	h.conf4(metricsAt(two))
	contains(t, r.reload(), "succeeded")
	up(one, false)
	up(two, true)

	l, err := net.Listen("tcp", fmt.Sprintf("[::1]:%d", taken))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h.conf4(metricsAt(taken))
	contains(t, r.reload(), "reconfiguration failed", "address already in use")
	up(two, true)
	h.conf4(fmt.Sprintf(`"user-context": { "dhcp4o6": { "metrics": { "address": "::", "port": %d } } },`, two))
	contains(t, r.reload(), "succeeded") // the old page has the port until it is closed
	up(two, true)
	h.conf4("")
	contains(t, r.reload(), "succeeded")
	up(two, false)
}

// A port that is taken at the start keeps nobody from being served, and is taken
// when it is free.
func TestScrapePortTakenAtStart(t *testing.T) {
	h := newHost(t)
	port := freeTCP(t)
	l, err := net.Listen("tcp", fmt.Sprintf("[::1]:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	r := h.start(dhcp4, Setup{ConfigFile: h.conf4(metricsAt(port))})
	contains(t, r.lines(), "ERROR metrics cannot be had; it is tried again every second")
	l.Close()
	r.wait("INFO metrics are to be had")
	if status, text := get(t, port); status != http.StatusOK {
		t.Error(text)
	}
	if n := strings.Count(r.lines(), "metrics cannot be had"); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// Connections that say nothing take their places and no more: packets are served,
// the daemon ends at once, and when they are gone the page is there.
func TestScrapeIsBounded(t *testing.T) {
	h := newHost(t)
	port := freeTCP(t)
	r := h.start(dhcp4, Setup{ConfigFile: h.conf4(metricsAt(port))})
	h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
	var idle []net.Conn
	for range scrapeConnections + 10 {
		c, err := net.Dial("tcp", fmt.Sprintf("[::1]:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle = append(idle, c)
	}
	h.mustLease("192.0.2.10")
	c := http.Client{Timeout: 200 * time.Millisecond}
	if _, err := c.Get(fmt.Sprintf("http://[::1]:%d/metrics", port)); err == nil {
		t.Error("one more connection than there are places was served")
	}
	for _, c := range idle {
		c.Close()
	}
	if status, text := get(t, port); status != http.StatusOK {
		t.Error(text)
	}
	for range scrapeConnections + 10 {
		c, err := net.Dial("tcp", fmt.Sprintf("[::1]:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
}
