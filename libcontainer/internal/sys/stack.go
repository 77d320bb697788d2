package sys

// GrowStack gives the goroutine a stack of 32 KiB at once. It begins with 2 KiB, and each
// time that it does not suffice it is copied to one of twice the size, frame by frame: the
// deeper the calls, the longer that takes.
func GrowStack()
