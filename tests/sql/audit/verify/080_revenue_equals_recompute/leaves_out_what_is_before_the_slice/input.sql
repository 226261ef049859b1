UPDATE analytics.revenue_by_diagnosis SET revenue = revenue + 1;
