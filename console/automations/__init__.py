"""Automatic messages (T-j): what starts them, their steps, and where each person stands in them.

A definition (`definition`) says what starts an automation and which steps follow; it is checked as a
whole and stored by versions. Whoever it starts for is a row (`enrolment`) with the step that comes
next and when. The runner takes what is due, asks the pure part (`moves`) for the next move, and makes
that move durable in one transaction with its effect: a mail and the step behind it are one job, so a
crash repeats no step and loses none.
"""
