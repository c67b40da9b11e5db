package metrics

import (
	"math/big"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// sampled is a set with a number of every kind.
func sampled() *Set {
	s := new(Set)
	s.Counter("pkt4-received").Add(9)
	s.Counter("pkt4-discover-received").Add(5)
	s.Counter("pkt4-lease-query-received").Add(1)
	s.Counter("pkt4-offer-sent").Add(4)
	s.Counter("pkt4-sent").Add(4)
	s.Counter("pkt4-drop-no-subnet").Add(1)
	s.Counter("pkt4-receive-drop").Add(1)
	s.Counter("pkt4-not-for-us").Add(1)
	s.Counter("pkt4-read-failed").Add(2)
	s.Counter("4o6-no-receipt").Add(3)
	s.Counter("4o6-bad-packet").Add(3)
	s.Counter("4o6-bad-packet-owner").Add(3)
	s.Counter("v4-allocation-fail").Add(2)
	s.Counter("v4-allocation-fail-no-pools").Add(1)
	s.Counter("v4-allocation-fail-subnet").Add(3)
	s.Gauge("declined-addresses").Set(1)
	s.Source("leases", func(yield func(Sample)) {
		yield(Gauge("subnet[7].total-addresses", 31))
		yield(Gauge("subnet[7].assigned-addresses", 4))
		yield(Int("subnet[7].cumulative-assigned-addresses", 6))
		yield(Int("subnet[7].reclaimed-leases", 2))
		yield(Int("subnet[7].v4-allocation-fail", 2))
		yield(Int("subnet[7].v4-allocation-fail-classes", 2))
		yield(Int("subnet[7].v4-reservation-conflicts", 1))
		yield(Gauge("subnet[7].pool[0].declined-addresses", 1))
		yield(Int("subnet[7].pool[0].cumulative-assigned-addresses", 6))
		yield(Int("subnet[7].pool[0].reclaimed-leases", 2))
		yield(BigGauge("subnet[7].pool[1].total-nas", new(big.Int).Lsh(big.NewInt(1), 64)))
		yield(Gauge("subnet[7].pd-pool[1].declined-addresses", 16))
		yield(Int("subnet[7].v4-lease-reuses", 0))
	})
	h := s.Histogram("answer-duration", Durations, "Time from reading a batch to its commit.")
	h.Observe(10_000)
	h.Observe(30_000)
	h.Observe(60e9)
	s.Histogram("batch-size", Scale{[]int64{1, 64}, 1}, "Queries answered together.").Observe(3)
	return s
}

func TestCollector(t *testing.T) {
	want := `
# HELP dhcp4d_4o6_messages_refused_total Messages that the pair did not take or hand over.
# TYPE dhcp4d_4o6_messages_refused_total counter
dhcp4d_4o6_messages_refused_total{reason="owner"} 3
# HELP dhcp4d_4o6_no_receipt_total Statistic 4o6-no-receipt.
# TYPE dhcp4d_4o6_no_receipt_total counter
dhcp4d_4o6_no_receipt_total 3
# HELP dhcp4d_allocation_failures_total Queries for which no address could be found.
# TYPE dhcp4d_allocation_failures_total counter
dhcp4d_allocation_failures_total{cause="exhausted"} 2
dhcp4d_allocation_failures_total{cause="no-pools"} 1
# HELP dhcp4d_answer_duration_seconds Time from reading a batch to its commit.
# TYPE dhcp4d_answer_duration_seconds histogram
dhcp4d_answer_duration_seconds_bucket{le="1e-05"} 1
dhcp4d_answer_duration_seconds_bucket{le="2.5e-05"} 1
dhcp4d_answer_duration_seconds_bucket{le="5e-05"} 2
dhcp4d_answer_duration_seconds_bucket{le="0.0001"} 2
dhcp4d_answer_duration_seconds_bucket{le="0.00025"} 2
dhcp4d_answer_duration_seconds_bucket{le="0.0005"} 2
dhcp4d_answer_duration_seconds_bucket{le="0.001"} 2
dhcp4d_answer_duration_seconds_bucket{le="0.0025"} 2
dhcp4d_answer_duration_seconds_bucket{le="0.005"} 2
dhcp4d_answer_duration_seconds_bucket{le="0.01"} 2
dhcp4d_answer_duration_seconds_bucket{le="0.025"} 2
dhcp4d_answer_duration_seconds_bucket{le="0.05"} 2
dhcp4d_answer_duration_seconds_bucket{le="0.1"} 2
dhcp4d_answer_duration_seconds_bucket{le="0.25"} 2
dhcp4d_answer_duration_seconds_bucket{le="0.5"} 2
dhcp4d_answer_duration_seconds_bucket{le="1"} 2
dhcp4d_answer_duration_seconds_bucket{le="2.5"} 2
dhcp4d_answer_duration_seconds_bucket{le="5"} 2
dhcp4d_answer_duration_seconds_bucket{le="+Inf"} 3
dhcp4d_answer_duration_seconds_sum 60.00004
dhcp4d_answer_duration_seconds_count 3
# HELP dhcp4d_batch_size Queries answered together.
# TYPE dhcp4d_batch_size histogram
dhcp4d_batch_size_bucket{le="1"} 0
dhcp4d_batch_size_bucket{le="64"} 1
dhcp4d_batch_size_bucket{le="+Inf"} 1
dhcp4d_batch_size_sum 3
dhcp4d_batch_size_count 1
# HELP dhcp4d_datagrams_received_total Datagrams read from clients and relays.
# TYPE dhcp4d_datagrams_received_total counter
dhcp4d_datagrams_received_total 9
# HELP dhcp4d_datagrams_sent_total Answers sent to clients and relays.
# TYPE dhcp4d_datagrams_sent_total counter
dhcp4d_datagrams_sent_total 4
# HELP dhcp4d_declined_addresses Statistic declined-addresses.
# TYPE dhcp4d_declined_addresses gauge
dhcp4d_declined_addresses 1
# HELP dhcp4d_packets_dropped_total Queries that got no answer.
# TYPE dhcp4d_packets_dropped_total counter
dhcp4d_packets_dropped_total{reason="no-subnet"} 1
# HELP dhcp4d_packets_received_total Messages received.
# TYPE dhcp4d_packets_received_total counter
dhcp4d_packets_received_total{type="discover"} 5
dhcp4d_packets_received_total{type="lease-query"} 1
# HELP dhcp4d_packets_sent_total Messages sent.
# TYPE dhcp4d_packets_sent_total counter
dhcp4d_packets_sent_total{type="offer"} 4
# HELP dhcp4d_pkt4_read_failed_total Statistic pkt4-read-failed.
# TYPE dhcp4d_pkt4_read_failed_total counter
dhcp4d_pkt4_read_failed_total 2
# HELP dhcp4d_pool_leases What is in use of a pool. State assigned counts declined ones too.
# TYPE dhcp4d_pool_leases gauge
dhcp4d_pool_leases{kind="address",pool="0",state="declined",subnet="7"} 1
dhcp4d_pool_leases{kind="address",pool="1",state="declined",subnet="7"} 16
# HELP dhcp4d_pool_size Addresses or prefixes that a pool has to give.
# TYPE dhcp4d_pool_size gauge
dhcp4d_pool_size{kind="address",pool="1",subnet="7"} 1.8446744073709552e+19
# HELP dhcp4d_subnet_allocation_failures_total Queries for which no address could be found in a subnet.
# TYPE dhcp4d_subnet_allocation_failures_total counter
dhcp4d_subnet_allocation_failures_total{cause="exhausted",subnet="7"} 2
# HELP dhcp4d_subnet_leases What is in use of a subnet. State assigned counts declined ones too.
# TYPE dhcp4d_subnet_leases gauge
dhcp4d_subnet_leases{kind="address",state="assigned",subnet="7"} 4
# HELP dhcp4d_subnet_leases_given_total Leases given since the start from a subnet, renewals left out.
# TYPE dhcp4d_subnet_leases_given_total counter
dhcp4d_subnet_leases_given_total{kind="address",subnet="7"} 6
# HELP dhcp4d_subnet_leases_reclaimed_total Leases of a subnet that ran out since the start.
# TYPE dhcp4d_subnet_leases_reclaimed_total counter
dhcp4d_subnet_leases_reclaimed_total{subnet="7"} 2
# HELP dhcp4d_subnet_size Addresses or prefixes that a subnet has to give.
# TYPE dhcp4d_subnet_size gauge
dhcp4d_subnet_size{kind="address",subnet="7"} 31
# HELP dhcp4d_subnet_v4_reservation_conflicts_total Statistic v4-reservation-conflicts of a subnet.
# TYPE dhcp4d_subnet_v4_reservation_conflicts_total counter
dhcp4d_subnet_v4_reservation_conflicts_total{subnet="7"} 1
`
	c := sampled().Collector("dhcp4d")
	if err := testutil.CollectAndCompare(c, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// The names follow the conventions of Prometheus'.
func TestCollectorLints(t *testing.T) {
	problems, err := testutil.CollectAndLint(sampled().Collector("dhcp6d"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Whatever a statistic is called, a scrape goes through, also while subnets come
// and go.
func FuzzCollector(f *testing.F) {
	for _, s := range sampled().All() {
		f.Add(s.Name, s.Gauge)
	}
	f.Add("subnet[", false)
	f.Add("subnet[1].pool[", true)
	f.Add("subnet[1].-", true)
	f.Add("", false)
	f.Fuzz(func(t *testing.T, name string, gauge bool) {
		p := locate(&Sample{Name: name, Gauge: gauge})
		if p.family == nil {
			return
		}
		if len(p.labels) != len(p.values) {
			t.Fatalf("%q: labels %v, values %q", name, p.labels, p.values)
		}
		for i := range len(p.name) {
			if c := p.name[i]; c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
				t.Fatalf("%q becomes %q", name, p.name)
			}
		}
	})
}

func BenchmarkScrape(b *testing.B) {
	s := new(Set)
	s.Source("leases", func(yield func(Sample)) {
		for i := range 1000 {
			id := string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
			yield(Gauge("subnet["+id+"].total-addresses", 31))
			yield(Gauge("subnet["+id+"].assigned-addresses", 31))
		}
	})
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(s.Collector("dhcp4d"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
