package goruntime

const sysMadvise = 233
