"""An independent reading, in torch, of networks whose own code cannot be installed beside us.

Written from the papers' and repositories' facts, not from the Rust code; parameters carry the reference's own names.
"""
