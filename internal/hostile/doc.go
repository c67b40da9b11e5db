// Package hostile makes packets that nobody sends who means well: out of good
// ones, by flipped bits, cuts, lengths that lie, options doubled and misplaced,
// relay levels past every bound, fields that overload each other, messages inside
// messages, and splices of two packets. Tests throw them at the engines, in one
// process, and at running daemons (internal/interop).
//
// What is made depends on the seeds and on one number, so that whatever a run finds
// can be made again:
//
//	seeds, err := hostile.Captured("../../testdata/captures")
//	src := hostile.NewSource(1, seeds)
//	for range 1000 {
//		conn.Write(src.V6())
//	}
package hostile
