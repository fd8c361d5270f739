"""What lies on a HAST device: layers of GEOM, UFS, ZFS, and what is mounted of them."""
