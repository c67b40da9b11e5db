package optdef

// A row is a line of the tables of standard options.
type row struct {
	code  uint16
	name  string
	typ   Type
	flags flags
	inner string // encapsulated space
	rec   []Type
}

type flags uint8

const (
	array flags = 1 << iota
	weak        // see Definition.Weak
)

// standard returns the definitions of the family's standard options, made anew.
func standard(f Family) []Definition {
	tables := standard4
	if f == V6 {
		tables = standard6
	}
	var all []Definition
	for _, t := range tables {
		for _, r := range t.rows {
			all = append(all, Definition{
				Family: f, Space: t.space, Code: r.code, Name: r.name, Type: r.typ,
				Array: r.flags&array != 0, Record: r.rec, Encapsulates: r.inner,
				Weak: r.flags&weak != 0, standard: true,
			})
		}
	}
	return all
}

type table struct {
	space string
	rows  []row
}
