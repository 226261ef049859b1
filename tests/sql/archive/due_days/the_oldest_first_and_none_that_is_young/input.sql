SELECT staging.make_partitions('2020-01-01', '2020-01-02');
