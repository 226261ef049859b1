UPDATE analytics.revenue_by_diagnosis SET revenue = 90.51 WHERE category = 'Amnesia' AND revenue > 0;
