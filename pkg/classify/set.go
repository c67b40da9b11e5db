package classify

// An ID is the number of a class's name in a Names.
type ID uint32

// The classes that every Names knows.
const (
	All ID = iota
	Known
	Unknown
	Drop
	BOOTP
	SkipDDNS
	StashAgentOptions
)

// Names numbers the names of classes: those of definitions, of guards and of
// expressions. It is filled when a configuration is loaded and only read after
// that, by many goroutines at once.
type Names struct {
	ids   map[string]ID
	names []string
}

// NewNames returns the names of the built-in classes.
func NewNames() *Names {
	n := &Names{ids: make(map[string]ID)}
	for _, name := range []string{"ALL", "KNOWN", "UNKNOWN", "DROP", "BOOTP", "SKIP_DDNS", "STASH_AGENT_OPTIONS"} {
		n.Intern(name)
	}
	return n
}

// Intern returns the number of a name, a new one if it has none.
func (n *Names) Intern(name string) ID {
	id, ok := n.ids[name]
	if !ok {
		id = ID(len(n.names))
		n.ids[name] = id
		n.names = append(n.names, name)
	}
	return id
}

// Find returns the number of a name that a packet made. It does not allocate.
func (n *Names) Find(name []byte) (id ID, ok bool) {
	id, ok = n.ids[string(name)]
	return id, ok
}

// Name returns the name of a number that came from this Names.
func (n *Names) Name(id ID) string { return n.names[id] }

// Len returns how many names there are; numbers are less than that.
func (n *Names) Len() int { return len(n.names) }

// A Set is the classes of one packet, in the order in which it was put into them:
// where several classes state an option, the first of them has its way. A worker
// owns one and resets it for each packet; the zero value is empty. A nil Set can
// be read, and is empty.
type Set struct {
	bits  []uint64
	order []ID

	loose []byte // names that the configuration does not mention, one after another
	ends  []int
}

// Reset empties the set.
func (s *Set) Reset() {
	for _, id := range s.order {
		s.bits[id/64] = 0
	}
	s.order, s.loose, s.ends = s.order[:0], s.loose[:0], s.ends[:0]
}

// Has reports whether the packet is in a class.
func (s *Set) Has(id ID) bool {
	return s != nil && int(id/64) < len(s.bits) && s.bits[id/64]&(1<<(id%64)) != 0
}

// Add puts the packet into a class. A class that it is in already keeps its place.
func (s *Set) Add(id ID) {
	if s.Has(id) {
		return
	}
	for int(id/64) >= len(s.bits) {
		s.bits = append(s.bits, 0)
	}
	s.bits[id/64] |= 1 << (id % 64)
	s.order = append(s.order, id)
}

// keep leaves the classes that stay says yes to, in their order.
func (s *Set) keep(stay func(ID) bool) {
	kept := s.order[:0]
	for _, id := range s.order {
		if stay(id) {
			kept = append(kept, id)
		} else {
			s.bits[id/64] &^= 1 << (id % 64)
		}
	}
	s.order = kept
}

// All yields the classes in their order.
func (s *Set) All(yield func(ID) bool) {
	if s == nil {
		return
	}
	for _, id := range s.order {
		if !yield(id) {
			return
		}
	}
}

// Len returns how many classes there are whose names the configuration mentions.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.order)
}

// AddName puts the packet into the class of that name. A name that the
// configuration does not mention can change nothing; it is kept for logs.
func (s *Set) AddName(n *Names, name []byte) {
	if id, ok := n.Find(name); ok {
		s.Add(id)
		return
	}
	for have := range s.Loose {
		if string(have) == string(name) {
			return
		}
	}
	s.loose = append(s.loose, name...)
	s.ends = append(s.ends, len(s.loose))
}

// Loose yields the names that AddName found no number for. They are good until
// the next Reset.
func (s *Set) Loose(yield func([]byte) bool) {
	if s == nil {
		return
	}
	start := 0
	for _, end := range s.ends {
		if !yield(s.loose[start:end:end]) {
			return
		}
		start = end
	}
}
