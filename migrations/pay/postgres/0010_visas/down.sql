DROP TABLE pledges;
DROP TABLE visa_captures;
DROP TABLE visas;
