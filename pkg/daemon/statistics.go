package daemon

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// statisticCommands registers the commands of Kea's about statistics, and
// 4o6-status.
func (d *daemon) statisticCommands(r *control.Registry) {
	r.Handle("statistic-get", d.statisticGet)
	r.Handle("statistic-get-all", func(context.Context, json.RawMessage) control.Result { return d.statisticsThat(everything) })
	r.Handle("statistic-global-get-all", func(context.Context, json.RawMessage) control.Result { return d.statisticsThat(global) })
	r.Handle("statistic-reset", d.statisticReset)
	r.Handle("statistic-reset-all", d.statisticResetAll)
	r.Handle("statistic-remove", d.statisticRemove)
	r.Handle("statistic-remove-all", d.statisticRemoveAll)
	r.Handle("statistic-sample-age-set", d.samplesSet(sampleAge, "duration"))
	r.Handle("statistic-sample-age-set-all", d.samplesSetAll(sampleAge, "duration"))
	r.Handle("statistic-sample-count-set", d.samplesSet(sampleCount, "count"))
	r.Handle("statistic-sample-count-set-all", d.samplesSetAll(sampleCount, "count"))
	r.Handle("4o6-status", d.status4o6)
}

// newStatistics begins to count. A configuration that is reloaded changes the
// limits of samples, and nothing that was counted.
func (d *daemon) newStatistics() {
	for _, name := range []string{"4o6-no-peer", "4o6-bad-packet"} {
		d.metrics.Counter(name)
	}
	for f := range ipc.Faults {
		d.metrics.Counter("4o6-bad-packet-" + f.Reason())
	}
	d.metrics.Source("daemon", d.numbers)
	d.statistics = metrics.NewStatistics(d.metrics, time.Now())
	d.limitSamples(d.cfg)
}

func (d *daemon) limitSamples(cfg *config.Config) {
	d.statistics.Default(cfg.Statistics.Samples, cfg.Statistics.Age, cfg.Statistics.Asked)
}

// numbers reads what the parts of the daemon count: it is its metrics.Source.
func (d *daemon) numbers(yield func(metrics.Sample)) {
	count := func(name string, n uint64) { yield(metrics.Int(name, int64(n))) }
	flag := func(name string, on bool) {
		n := int64(0)
		if on {
			n = 1
		}
		yield(metrics.Gauge(name, n))
	}
	count("socket-receive-drop", d.group.Overflows())
	if d.family == topology.V4 {
		count("socket-bad-packet", d.group.Refused())
	}
	pair := d.pair.Stats()
	count("4o6-pair-received", pair.Received.Load())
	count("4o6-pair-sent", pair.Sent.Load())
	count("4o6-pair-unsent", pair.Dropped.Load())
	count("4o6-pair-errors", pair.Errors.Load())
	count("4o6-receive-drop", d.pair.Overflows())
	flag("4o6-peer-up", d.peerState() == peerUp)
	flag("lease-store-up", d.leases.table.Down() == nil)
	d.countDDNS(yield)
	if f := d.leases.store; f != nil {
		st := f.Stats()
		count("lease-file-writes", st.Writes.Load())
		count("lease-file-octets", st.Octets.Load())
		count("lease-file-rewrites", st.Rewrites.Load())
		count("lease-file-errors", st.Errors.Load())
		yield(metrics.Gauge("lease-file-size", f.Size()))
	}
}

// statisticGet answers nothing, and no error, for a name that there is not: as Kea
// does.
func (d *daemon) statisticGet(_ context.Context, args json.RawMessage) control.Result {
	name, res := statisticName(args)
	if res != nil {
		return *res
	}
	b := []byte{'{'}
	if o, ok := d.statistics.Get(name, time.Now()); ok {
		b = d.appendStatistic(b, name, o)
	}
	return control.Result{Arguments: json.RawMessage(append(b, '}'))}
}

func everything(string) bool { return true }

// global reports whether a statistic is of the server, not of one of its subnets.
func global(name string) bool { return !strings.HasPrefix(name, "subnet[") }

func (d *daemon) statisticsThat(match func(name string) bool) control.Result {
	b := []byte{'{'}
	d.statistics.All(time.Now(), func(name string, o []metrics.Observation) {
		if !match(name) {
			return
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = d.appendStatistic(b, name, o)
	})
	return control.Result{Arguments: json.RawMessage(append(b, '}'))}
}

// appendStatistic writes "name":[[value,"2006-01-02 15:04:05.000000"],...], newest
// first, the time being local: Kea's shape. Values are integers of any size, but for
// who has clamp-totals set.
func (d *daemon) appendStatistic(b []byte, name string, all []metrics.Observation) []byte {
	clamp := d.inForce.Load().Ours.ClampTotals
	b = strconv.AppendQuote(b, name)
	b = append(b, ':', '[')
	for i := range all {
		o := &all[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		if o.Big != nil && !clamp { // Value is the greatest there is
			b = o.Big.Append(b, 10)
		} else {
			b = strconv.AppendInt(b, o.Value, 10)
		}
		b = o.At.Local().AppendFormat(append(b, ',', '"'), "2006-01-02 15:04:05.000000")
		b = append(b, '"', ']')
	}
	return append(b, ']')
}

func (d *daemon) statisticReset(_ context.Context, args json.RawMessage) control.Result {
	name, res := statisticName(args)
	switch {
	case res != nil:
		return *res
	case !d.statistics.Reset(name, time.Now()):
		return noStatistic(name)
	}
	return control.Result{Text: "Statistic '" + name + "' reset."}
}

func (d *daemon) statisticResetAll(context.Context, json.RawMessage) control.Result {
	d.statistics.ResetAll(time.Now())
	return control.Result{Text: "All statistics reset to neutral values."}
}

func (d *daemon) statisticRemove(_ context.Context, args json.RawMessage) control.Result {
	name, res := statisticName(args)
	switch {
	case res != nil:
		return *res
	case !d.statistics.Remove(name, time.Now()):
		return noStatistic(name)
	}
	return control.Result{Text: "Statistic '" + name + "' removed."}
}

func (d *daemon) statisticRemoveAll(context.Context, json.RawMessage) control.Result {
	d.statistics.RemoveAll(time.Now())
	return control.Result{Text: "Warning: statistic-remove-all command is deprecated. All statistics removed."}
}

// A keep says how many samples a command asks for or, when age is not 0, how old
// ones.
type keep func(args json.RawMessage) (count int, age time.Duration, res *control.Result)

// samplesSet is the command that limits the samples of one statistic.
func (d *daemon) samplesSet(limit keep, what string) control.Handler {
	return func(_ context.Context, args json.RawMessage) control.Result {
		name, res := statisticName(args)
		if res != nil {
			return *res
		}
		count, age, res := limit(args)
		switch {
		case res != nil:
			return *res
		case !d.statistics.Keep(name, count, age, time.Now()):
			return noStatistic(name)
		}
		return control.Result{Text: "Statistic '" + name + "' " + what + " limit is set."}
	}
}

// samplesSetAll is the command that limits those of all.
func (d *daemon) samplesSetAll(limit keep, what string) control.Handler {
	return func(_ context.Context, args json.RawMessage) control.Result {
		count, age, res := limit(args)
		if res != nil {
			return *res
		}
		d.statistics.KeepAll(count, age, time.Now())
		return control.Result{Text: "All statistics " + what + " limit are set."}
	}
}

// statisticName reads the argument name. The texts are Kea's, as far as it has
// any.
func statisticName(args json.RawMessage) (string, *control.Result) {
	a, ok := arguments(args)
	if !ok {
		return "", refusal("Error during command processing: arguments must be a map")
	}
	raw, ok := a["name"]
	if !ok {
		return "", refusal("Missing mandatory 'name' parameter.")
	}
	var name string
	if raw[0] != '"' || json.Unmarshal(raw, &name) != nil {
		return "", refusal("'name' parameter expected to be a string.")
	}
	return name, nil
}

// sampleAge reads the argument duration, in seconds. One below 0 takes Kea 2.2.0
// down.
func sampleAge(args json.RawMessage) (count int, age time.Duration, res *control.Result) {
	n, res := sampleLimit(args, "duration")
	switch {
	case res != nil:
		return 0, 0, res
	case n < 0:
		return 0, 0, refusal("'duration' parameter must not be negative")
	}
	return 1, time.Duration(min(n, 1<<32)) * time.Second, nil
}

// sampleCount reads the argument max-samples. Kea 2.2.0 takes 0 for one statistic
// and answers nothing but errors afterwards.
func sampleCount(args json.RawMessage) (count int, age time.Duration, res *control.Result) {
	n, res := sampleLimit(args, "max-samples")
	switch {
	case res != nil:
		return 0, 0, res
	case n == 0:
		return 0, 0, refusal("'max-samples' parameter must not be zero")
	case n < 0:
		return 0, 0, refusal("'max-samples' parameter must not be negative")
	}
	return int(min(n, 1<<31-1)), 0, nil
}

func sampleLimit(args json.RawMessage, key string) (int64, *control.Result) {
	a, ok := arguments(args)
	if !ok {
		return 0, refusal("Error during command processing: arguments must be a map")
	}
	raw, ok := a[key]
	if !ok {
		return 0, refusal("Missing mandatory '" + key + "' parameter.")
	}
	n, ok := integer(raw)
	if !ok {
		return 0, refusal("'" + key + "' parameter expected to be an integer.")
	}
	return n, nil
}

func refusal(text string) *control.Result {
	res := failed(text)
	return &res
}

func noStatistic(name string) control.Result { return failed("No '" + name + "' statistic found") }
