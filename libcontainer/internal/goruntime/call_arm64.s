#include "textflag.h"

TEXT ·call(SB), NOSPLIT, $0-32
	MOVD number+0(FP), R8
	MOVD a+8(FP), R0
	MOVD b+16(FP), R1
	MOVD c+24(FP), R2
	SVC
	RET
