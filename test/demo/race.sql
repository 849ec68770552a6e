INSERT INTO demo.race SELECT commerce.try_reserve('85123A', 1, 'client ' || :client_id);
