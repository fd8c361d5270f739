"""What two nodes were and what clients met, over time, as a picture: of a rehearsal, or out of the journals of both.

* `model`: lanes with bars, numbered marks;
* `journals`: what the journals of both nodes tell of it;
* `svg`: the picture, without anything beyond the standard library; `page`: a file of it.
"""
