-- Days of accounts are put together of UTC days and hours, in the account's own time zone.
DROP TABLE figure_day;
