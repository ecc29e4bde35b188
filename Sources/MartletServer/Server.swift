// The running server. (Frame; the transport comes next.)
