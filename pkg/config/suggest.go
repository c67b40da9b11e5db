package config

// nearest returns the candidate that a misspelt word most likely stands for, ""
// when none comes near enough: one slip for each three letters.
func nearest(word string, candidates []string) string {
	best, least := "", len(word)/3+1
	if len(word) > 64 {
		return ""
	}
	for _, c := range candidates {
		if d := distance(word, c, least); d < least || d == least && best == "" && d <= len(word)/3 {
			best, least = c, d
		}
	}
	return best
}

// distance counts the slips that turn a into b: a letter left out, put in, or
// changed, case and '_' for '-' included, or two neighbours exchanged. Beyond
// limit it does not go on counting.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			d := above[j-1]
			if a[i-1] != b[j-1] {
				d++
			}
			d = min(d, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			row[j] = d
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
