package goruntime

const sysMadvise = 28
