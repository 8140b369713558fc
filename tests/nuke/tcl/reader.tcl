# SPDX-License-Identifier: Apache-2.0
# Evaluates one .nk or .gizmo as Nuke's loader would, without Nuke: node classes are caught by `unknown`, and take
# their inputs from an operand stack. Prints one record a line, each word in hexadecimal UTF-8:
#   node ID GROUP CLASS INPUTS   knob ID NAME VALUE   user ID WORD ...   layer GROUP WORD ...   command NAME WORD ...
#   problem KIND TEXT
# The file runs in an interpreter that knows nothing but `set`: no other command of Tcl can be reached from it.

fconfigure stdout -encoding utf-8 -translation lf

proc say {args} {
    set words {}
    foreach word $args {lappend words x[binary encode hex [encoding convertto utf-8 $word]]}
    puts [join $words " "]
}

set stack {}
set contexts {}
set groups {}
set count 0
set top 1

proc group {} {
    return [expr {[llength $::groups] ? [lindex $::groups end] : 0}]
}

proc on_push {value} {
    lappend ::stack $value
    return
}

proc on_stack {{index 0}} {
    if {$index == 0 && $::top} {
        # Text that is pasted begins by asking for the node that is selected.
        return 0
    }
    if {$index >= [llength $::stack]} {
        say problem underflow "stack $index asks for more nodes than there are"
        return 0
    }
    return [lindex $::stack end-$index]
}

proc on_end_group {} {
    if {![llength $::groups]} {
        say problem end_group "end_group without a Group"
        return
    }
    set ::stack [lindex $::contexts end]
    lappend ::stack [group]
    set ::contexts [lrange $::contexts 0 end-1]
    set ::groups [lrange $::groups 0 end-1]
    return
}

proc on_layer {words} {
    say layer [group] {*}$words
    return
}

proc on_command {name args} {
    say command $name {*}$args
    return
}

proc take {class number} {
    set taken {}
    for {set index 0} {$index < $number} {incr index} {
        if {![llength $::stack]} {
            if {!($::top && $class in {Group Gizmo})} {
                say problem underflow "$class takes $number inputs from a stack of fewer"
            }
            break
        }
        lappend taken [lindex $::stack end]
        set ::stack [lrange $::stack 0 end-1]
    }
    return $taken
}

proc on_node {class args} {
    if {[llength $args] != 1} {
        say problem command "$class has [llength $args] words: not a node"
        return 0
    }
    set body [lindex $args 0]
    if {[catch {llength $body} words]} {
        say problem list "$class: $words"
        return 0
    }
    if {$words % 2} {
        say problem list "$class: a knob without a value among $words words"
        return 0
    }
    set inputs 1
    set users {}
    set knobs {}
    foreach {name value} $body {
        if {$name eq "inputs"} {
            set inputs $value
        } elseif {$name eq "addUserKnob"} {
            lappend users $value
        }
        lappend knobs $name $value
    }
    set number 0
    foreach part [split $inputs +] {
        if {![string is digit -strict $part]} {
            say problem inputs "$class: inputs $inputs"
            return 0
        }
        incr number $part
    }
    set taken [take $class $number]
    set id [incr ::count]
    say node $id [group] $class $number {*}$taken
    foreach {name value} $knobs {
        if {$name ne "addUserKnob"} {
            say knob $id $name $value
        } elseif {[catch {llength $value} problem]} {
            say problem list "$class: addUserKnob: $problem"
        } else {
            say user $id {*}$value
        }
    }
    set ::top 0
    if {$class in {Group Gizmo}} {
        lappend ::contexts $::stack
        lappend ::groups $id
        set ::stack {}
    } else {
        lappend ::stack $id
    }
    return $id
}

set file [open [lindex $argv 0] r]
fconfigure $file -encoding utf-8
set text [read $file]
close $file

if {![info complete $text]} {
    say problem incomplete "a brace, bracket or quote is not closed"
    exit 0
}

set inner [interp create -safe]
foreach command [interp eval $inner {info commands}] {
    if {$command ne "set"} {interp hide $inner $command}
}
foreach {name handler} {push on_push stack on_stack end_group on_end_group add_layer on_layer unknown on_node} {
    interp alias $inner $name {} $handler
}
foreach name {version define_window_layout_xml} {
    interp alias $inner $name {} on_command $name
}
if {[catch {interp eval $inner $text} message]} {
    say problem tcl $message
}
if {[llength $groups]} {
    say problem end_group "[llength $groups] Group without end_group"
}
