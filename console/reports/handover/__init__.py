"""The hand-over file that is due within seven days of the acceptance (T-v).

`values` says what it holds, `service` keeps what people enter (trainings, manuals, dates) and gathers
the rest from where it is, `checklist` says what is there and what is missing, `sections` makes tables of
it for both writers. It never holds a secret: keys are named by their public part.
"""
