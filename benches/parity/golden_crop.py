"""Prints the values that crates/baize-imaging/src/crop.rs is tested against: torchxrayvision's own crop and resize.

    python3 benches/parity/golden_crop.py
"""

import numpy as np, torchxrayvision as xrv, warnings
warnings.simplefilter("ignore")
def image(rows, cols):
    r,c=np.mgrid[0:rows,0:cols]
    return ((r*7+c*13+(r*c)%31)%256).astype(np.uint8)
for rows,cols,side in [(53,37,8),(40,61,16),(9,11,16),(300,260,24)]:
    img=xrv.datasets.normalize(image(rows,cols),255)[None]
    out=xrv.datasets.XRayResizer(side)(xrv.datasets.XRayCenterCrop()(img))[0]
    pts=[(0,0),(0,side-1),(side//2,side//3),(side-1,side-1),(3,5)]
    print((rows,cols,side),[float(repr(float(out[p]))) for p in pts], float(out.astype(np.float64).sum()))
