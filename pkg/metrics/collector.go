package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Collector returns what a scrape of Prometheus' reads: every number of the set,
// read at that moment, under names that begin with prefix ("dhcp4d"). Counting
// is not disturbed by it.
func (s *Set) Collector(prefix string) prometheus.Collector {
	return &collector{set: s, prefix: prefix + "_", descs: make(map[string]*prometheus.Desc)}
}

// A collector finds out at each scrape which metrics there are: subnets come and
// go.
type collector struct {
	set    *Set
	prefix string

	mu    sync.Mutex
	descs map[string]*prometheus.Desc // by name of the family
}

// Describe tells nothing beforehand, which is allowed.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads the set.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	all := c.set.All()
	for i := range all {
		p := locate(&all[i])
		if p.family == nil {
			continue
		}
		kind := prometheus.CounterValue
		if p.gauge {
			kind = prometheus.GaugeValue
		}
		m, err := prometheus.NewConstMetric(c.desc(p.family), kind, all[i].Float(), p.values...)
		if err != nil {
			m = prometheus.NewInvalidMetric(c.desc(p.family), err)
		}
		out <- m
	}
	for _, h := range c.set.allHistograms() {
		out <- c.histogram(h)
	}
}

// desc returns the description of a family, the same one each time.
func (c *collector) desc(f *family) *prometheus.Desc {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.descs[f.name]
	if d == nil {
		d = prometheus.NewDesc(c.prefix+f.name, f.help, f.labels, nil)
		c.descs[f.name] = d
	}
	return d
}

// histogram is one histogram as it stands. What is observed meanwhile may be in
// the sum and not in the buckets, or the other way round.
func (c *collector) histogram(h named) prometheus.Metric {
	f := plain(&Sample{Name: h.name, Gauge: true}).family // without _total
	if h.scale.Per != 1 {
		f.name += "_seconds"
	}
	f.help = h.help
	buckets := make(map[float64]uint64, len(h.scale.Bounds))
	n := uint64(0)
	for i, bound := range h.scale.Bounds {
		n += h.counts[i].Load()
		buckets[float64(bound)/h.scale.Per] = n
	}
	n += h.counts[len(h.scale.Bounds)].Load()
	m, err := prometheus.NewConstHistogram(c.desc(f), n, float64(h.sum.Load())/h.scale.Per, buckets)
	if err != nil {
		return prometheus.NewInvalidMetric(c.desc(f), err)
	}
	return m
}
