#include "textflag.h"

TEXT ·call(SB), NOSPLIT, $0-32
	MOVQ number+0(FP), AX
	MOVQ a+8(FP), DI
	MOVQ b+16(FP), SI
	MOVQ c+24(FP), DX
	SYSCALL
	RET
