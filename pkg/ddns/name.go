package ddns

import (
	"bytes"
	"net/netip"
)

// Limits of names (RFC 1035 §2.3.4), which in text have one octet less and one
// more: no length of the first label, and the final dot.
const (
	maxName  = 254
	maxLabel = 63
)

// Asked is what a client says of its name.
type Asked struct {
	FQDN  bool   // by the client FQDN option; else by its host name, if it has Name
	S, N  bool   // flags of the client FQDN option
	Full  bool   // the name in it ends in the root
	Name  []byte // as it stands, in text; the final dot may be left out
	Named bool   // there is a host name option, or a client FQDN option
}

// An Answer is the option by which a client is told its name.
type Answer uint8

// The answers.
const (
	None     Answer = iota // none, and the lease has no name
	HostName               // the host name option
	FQDN                   // the client FQDN option
)

// A Decision is the name of a lease. It is made anew for every query in memory
// that is used again.
type Decision struct {
	Answer   Answer
	S, N, O  bool // flags of the client FQDN option that is sent
	Fwd, Rev bool // what of the DNS is looked after here: the address of the name, the name of the address

	b [320]byte
	n int
}

// Name is the name, "" for none. With Answer FQDN it ends in a dot. It shares memory
// with d.
func (d *Decision) Name() []byte { return d.b[:d.n] }

// Clear makes d no name.
func (d *Decision) Clear() {
	d.Answer, d.S, d.N, d.O, d.Fwd, d.Rev, d.n = None, false, false, false, false, false, 0
}

// Rename makes name the name of d, one of the address for "", and has the DNS hold what
// fwd and rev say, on the word of somebody who knows better than Decide.
func (p *Params) Rename(d *Decision, name string, fwd, rev bool, addr netip.Addr) {
	asked := d.S != d.O
	d.Fwd, d.Rev, d.S, d.N = fwd, rev, fwd, !fwd && !rev
	d.O = d.S != asked
	if d.set(name); name == "" {
		p.generate(d, addr)
		p.qualify(d)
	}
	d.lower()
	if d.Answer == FQDN && d.n > 0 && d.b[d.n-1] != '.' {
		d.add(".")
	}
	if !d.valid() {
		d.Clear()
	}
}

// Tune makes what an expression says the name of d, with the suffix when it is one
// label; nothing, or what is no name, changes nothing. skip has the DNS left alone.
func (p *Params) Tune(d *Decision, name []byte, skip bool) {
	if n, ok := labels(name); ok && n > 0 && plainly(name) && string(name) != string(d.Name()) {
		d.keep(name)
		if n == 1 {
			p.qualify(d)
		}
		d.trimDot()
		d.lower()
		if d.Answer == FQDN {
			d.add(".")
		}
		if !d.valid() {
			d.Clear()
		}
	}
	if skip && d.Answer != None {
		asked := d.S != d.O
		d.Fwd, d.Rev, d.S, d.N, d.O = false, false, false, true, asked
	}
}

// Decide makes d the name of a lease of addr, for a client for which the name
// reserved is kept, "" for none. It does what Kea does. While addr is not known yet,
// a name that will be made of it is "".
func (p *Params) Decide(d *Decision, q *Asked, reserved string, addr netip.Addr) {
	d.Clear()
	ok := false
	if q.FQDN {
		ok = p.fqdn(d, q, reserved, addr)
	} else {
		ok = p.hostName(d, q, reserved, addr)
	}
	d.lower() // the suffix too, which may be in any letters
	if later := d.n == 0 && !addr.IsValid(); !ok || !later && !d.valid() {
		d.n = 0
		return
	}
	if !q.FQDN {
		d.Answer, d.Fwd, d.Rev = HostName, p.Send, p.Send
		return
	}
	d.Answer = FQDN
	d.S, d.N = p.flags(q.S, q.N)
	d.O = d.S != q.S
	d.Fwd, d.Rev = d.S, !d.N
}

// Decide6 is Decide for DHCPv6, where a client names itself by the Client FQDN option
// or not at all: then, where names are made for such clients, it is as if it had
// asked for one.
func (p *Params) Decide6(d *Decision, q *Asked, reserved string, addr netip.Addr) {
	if d.Clear(); q.FQDN {
		p.Decide(d, q, reserved, addr)
	} else if p.Send && p.Replace.generates(false) {
		p.Decide(d, &Asked{FQDN: true, S: true}, reserved, addr)
	}
}

// flags answers the flags S and N of a client (RFC 4702 §4). With both set, which
// must not be, N counts as clear.
func (p *Params) flags(s, n bool) (bool, bool) {
	switch {
	case !p.Send:
		return false, true
	case s:
		return true, false
	case n:
		return p.OverrideNoUpdate, !p.OverrideNoUpdate
	}
	return p.OverrideClientUpdate, false
}

// fqdn is the name of a client that sent the client FQDN option.
func (p *Params) fqdn(d *Decision, q *Asked, reserved string, addr netip.Addr) bool {
	switch {
	case reserved != "":
		d.set(reserved)
	case len(q.Name) == 0 || p.Replace.generates(true):
		p.generate(d, addr)
	default:
		if !p.cleanLabels(d, q.Name) {
			return false
		}
		if d.b[d.n-1] == '.' {
			d.n--
		}
		if q.Full {
			return d.add(".")
		}
	}
	p.qualify(d)
	d.lower()
	if d.n > 0 && d.b[d.n-1] != '.' {
		return d.add(".")
	}
	return true
}

// cleanLabels cleans a name label by label, since a set need not spare dots. It
// reports whether there is something left of every label.
func (p *Params) cleanLabels(d *Decision, name []byte) bool {
	b := d.b[:0]
	for len(name) > 0 {
		label, rest, dot := bytes.Cut(name, []byte{'.'})
		at := len(b)
		if b = p.Clean.append(b, label); len(b) == at || len(b) > maxName {
			return false
		}
		if dot {
			b = append(b, '.')
		}
		name = rest
	}
	d.keep(b)
	d.lower()
	return d.n > 0
}

// hostName is the name of a client that did not.
func (p *Params) hostName(d *Decision, q *Asked, reserved string, addr netip.Addr) bool {
	name := bytes.Trim(q.Name, " \t\n")
	n, ok := labels(name)
	switch {
	case reserved != "":
		d.set(reserved)
		p.qualify(d)
		d.lower()
		d.trimDot()
		return true
	case !q.Named && !p.Replace.generates(false), q.Named && (!ok || len(name) == 0):
		return false
	case !q.Named || n == 0 || p.Replace.generates(true):
		p.generate(d, addr)
		p.qualify(d)
		d.trimDot()
		return true
	}
	d.keep(p.Clean.append(d.b[:0], name))
	d.lower()
	if n, ok = labels(d.Name()); !ok || n == 0 {
		return false
	}
	if n == 1 {
		p.qualify(d)
		d.trimDot()
	}
	return true
}

// labels counts the labels of a name in text, without the root; ok is false for one
// that is none.
func labels(name []byte) (n int, ok bool) {
	name = bytes.TrimSuffix(name, []byte{'.'})
	switch {
	case len(name) == 0:
		return 0, true
	case len(name) >= maxName: // there has to be room for the dot
		return 0, false
	}
	for {
		label, rest, dot := bytes.Cut(name, []byte{'.'})
		if len(label) == 0 || len(label) > maxLabel {
			return 0, false
		}
		n++
		if !dot {
			return n, true
		}
		name = rest
	}
}

// generate makes a name of an address.
func (p *Params) generate(d *Decision, addr netip.Addr) {
	if d.n = 0; !addr.IsValid() {
		return
	}
	d.set(p.Prefix)
	b := append(d.b[:d.n], '-')
	at := len(b)
	b = addr.AppendTo(b)
	for i := at; i < len(b); i++ {
		if b[i] == '.' || b[i] == ':' {
			b[i] = '-'
		}
	}
	if b[len(b)-1] == '-' { // of ::, and no name ends so
		b = append(b, '0')
	}
	d.keep(b)
}

// qualify appends the suffix to a name that has neither it nor a final dot.
func (p *Params) qualify(d *Decision) {
	suffix := p.Suffix
	if suffix == "" || d.n == 0 || d.b[d.n-1] == '.' {
		return
	}
	bare := suffix
	if bare[len(bare)-1] == '.' {
		bare = bare[:len(bare)-1]
	}
	name := d.Name()
	if at := len(name) - len(bare); at >= 0 && string(name[at:]) == bare && (at == 0 || name[at-1] == '.') {
		return
	}
	if d.add(".") {
		d.add(suffix)
	}
}

// set makes s the name.
func (d *Decision) set(s string) {
	d.n = 0
	d.add(s)
}

// keep makes the octets of b the name, which stand in d.b unless they are too many.
func (d *Decision) keep(b []byte) {
	if len(b) > len(d.b) {
		d.n = 0
		return
	}
	d.n = copy(d.b[:], b)
}

// add appends to the name and reports whether there is room. What has none is
// no name any more.
func (d *Decision) add(s string) bool {
	if d.n+len(s) > len(d.b) {
		d.n = 0
		return false
	}
	d.n += copy(d.b[d.n:], s)
	return true
}

func (d *Decision) trimDot() {
	if d.n > 0 && d.b[d.n-1] == '.' {
		d.n--
	}
}

func (d *Decision) lower() {
	for i, c := range d.b[:d.n] {
		if 'A' <= c && c <= 'Z' {
			d.b[i] = c + 'a' - 'A'
		}
	}
}

// valid reports whether the name is one, and nothing in it could be taken for
// something else by who reads lease files, logs or scripts: an operator may have
// names left as they are.
func (d *Decision) valid() bool {
	n, ok := labels(d.Name())
	return ok && n > 0 && plainly(d.Name())
}

// plainly reports whether a name has no blanks nor control characters.
func plainly(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
