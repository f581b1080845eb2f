module moorage/bench

go 1.22
