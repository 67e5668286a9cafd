DROP TABLE dns_names;
