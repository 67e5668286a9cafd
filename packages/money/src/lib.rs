//! Assets, amounts and exact splits: integers only, checked arithmetic only.
