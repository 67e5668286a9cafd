DROP TABLE search_terms;
DROP TABLE avatars;
DROP TABLE profiles;
