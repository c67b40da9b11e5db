package faultfs

import "slices"

// Durable returns what of a file is left by any power cut at this moment: the octets
// that were synced. While a change of the folder is not durable there may be several
// files that a cut could leave under the name; each is returned. A file that a cut could
// leave out is not told from one that it could not.
func (f *FS) Durable(name string) (all [][]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	nodes := []*inode{f.disk[name]}
	for _, e := range f.entries {
		if e.to == name {
			nodes = append(nodes, e.node)
		}
	}
	for _, n := range nodes {
		if n != nil {
			all = append(all, slices.Clone(n.disk))
		}
	}
	return all
}
