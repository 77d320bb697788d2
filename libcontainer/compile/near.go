package compile

import "strings"

// filesystemOptions are what filesystems that containers mount take beside the words
// that every mount knows; a "=" at the end asks for a value. The kernel decides; this
// is for telling what was meant.
var filesystemOptions = []struct{ filesystem, options string }{
	{"tmpfs", "size= nr_blocks= nr_inodes= mode= uid= gid= mpol= huge= inode32 inode64 noswap usrquota grpquota"},
	{"devpts", "newinstance ptmxmode= mode= uid= gid= max="},
	{"proc", "hidepid= gid= subset="},
	{"cgroup2", "nsdelegate favordynmods memory_localevents memory_recursiveprot memory_hugetlb_accounting pids_localevents"},
	{"overlay", "lowerdir= upperdir= workdir= index= metacopy= redirect_dir= userxattr volatile xino= nfs_export="},
	{"ext4", "acl noacl user_xattr discard nodiscard data= errors= commit= barrier= journal_checksum"},
	{"bpf", "mode= uid= gid="},
}

// NearOption gives the mount option that a misspelt word may mean, for a filesystem or,
// with "", for a bind mount; "" where none is near.
func NearOption(filesystem, word string) string {
	word, _, _ = strings.Cut(word, "=")
	known := MountOptions()
	for _, f := range filesystemOptions {
		if f.filesystem == filesystem {
			known = append(known, strings.Fields(f.options)...)
		}
	}
	best, least := "", 1+min(2, len(word)/3)
	for _, k := range known {
		if d := distance(word, strings.TrimSuffix(k, "=")); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to insert, drop, exchange or swap with their neighbours
// to make a word of another.
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
