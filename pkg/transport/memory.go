package transport

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// regions are read buffers that nobody uses now, by length. They are mapped
// apart from Go's heap: the heap would fill them with zeros when it uses a
// region again, and so make every page of it resident, and their size would
// let garbage grow as if it were live data.
var regions struct {
	sync.Mutex
	free map[int][][]byte
}

// takeRegion returns n octets of memory with no page behind them yet.
func takeRegion(n int) ([]byte, error) {
	regions.Lock()
	defer regions.Unlock()
	if free := regions.free[n]; len(free) > 0 {
		regions.free[n] = free[:len(free)-1]
		return free[len(free)-1], nil
	}
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("transport: map %d octets of buffers: %w", n, err)
	}
	// A short datagram must not bring 2 MiB with it. Kernels without huge pages
	// refuse the advice, and need none.
	_ = unix.Madvise(b, unix.MADV_NOHUGEPAGE)
	return b, nil
}

// giveRegion returns the pages of b to the system and keeps b for the next
// taker. It is never unmapped: a stray use of it must not be fatal.
func giveRegion(b []byte) {
	if err := unix.Madvise(b, unix.MADV_DONTNEED); err != nil {
		return // its pages stay; it is not used again
	}
	regions.Lock()
	defer regions.Unlock()
	if regions.free == nil {
		regions.free = make(map[int][][]byte)
	}
	regions.free[len(b)] = append(regions.free[len(b)], b)
}
