DROP TABLE federation_links;
