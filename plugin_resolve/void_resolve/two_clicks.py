# SPDX-License-Identifier: Apache-2.0
"""The clicks that no script can make on the Color page, drawn with characters.

The drawing keeps its sense in a font whose characters differ in width: each arrow stands in one line with both ends.
"""

KEY_OUT = """\
YOUR KEY TO VOID: two clicks on the Color page, on the clip

  1.  Right-click an empty place of the node editor  >  Add Alpha Output.
      A blue dot appears at the right edge.

  2.  Drag from the blue square of your node (its key) to that blue dot.

   (green)--->[ node with your window / Magic Mask ]---green--->(green)  picture
                                          [blue key]---blue---->(blue)   Alpha Output

Then press Remove. VOID renders one frame first, and says so if the key is not in it.\
"""

MATTE_IN = """\
THE MATTES THAT CAME BACK: two clicks on the Color page, on the original or on the result

  1.  Right-click an empty place of the node editor  >  Add Matte  >  the matte of VOID.
      A node "EXT MATTE" appears, with four keys.

  2.  Drag from one of its keys to the blue triangle (key input) of your node.

   [ EXT MATTE ]---A: blend, all that may differ--->[ your node ]
               ---R: what was removed
               ---G: what it affected: shadow, reflection
               ---B: where both overlap\
"""

OTHERWISE = """\
WITHOUT A KEY: three more ways to give a matte

   External matte   attached to the clip in the media pool; VOID finds it.
   Track            a matte clip above the original, on a track named as in the field (VOID MATTE).
   EXR sequence     picked as files: from a Fusion Saver, or from another program.

Points (FRAME X Y; a "-" behind those that are not on the object) are carried by the server, where it can.\
"""

TEXT = "\n\n\n".join((KEY_OUT, MATTE_IN, OTHERWISE))
