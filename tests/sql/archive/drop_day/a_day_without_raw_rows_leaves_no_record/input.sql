SELECT staging.make_partitions('2020-01-03', '2020-01-03');
