-- One database for each service; `identity` exists already. No service reads another's.
CREATE DATABASE community;
CREATE DATABASE invitation;
CREATE DATABASE notifier;
