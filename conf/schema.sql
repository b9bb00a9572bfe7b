-- The tables of Sluice's MySQL backend, and what its account may do there:
-- run it as an administrator in the schema that BackendMySQLSchema names.
-- The first four are freno's, for domains that hold both.

CREATE TABLE IF NOT EXISTS service_election (
  domain varchar(32) NOT NULL,
  share_domain varchar(32) NOT NULL,
  service_id varchar(128) NOT NULL,
  last_seen_active timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (domain),
  KEY share_domain_idx (share_domain, last_seen_active)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS service_health (
  service_id varchar(128) NOT NULL,
  domain varchar(32) NOT NULL,
  share_domain varchar(32) NOT NULL,
  last_seen_active timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (service_id),
  KEY last_seen_active_idx (last_seen_active)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS throttled_apps (
  app_name varchar(128) NOT NULL,
  throttled_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  expires_at timestamp NULL DEFAULT NULL,
  ratio double DEFAULT NULL,
  PRIMARY KEY (app_name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS skipped_hosts (
  host_name varchar(128) NOT NULL,
  skipped_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  expires_at timestamp NULL DEFAULT NULL,
  PRIMARY KEY (host_name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sluice_lease (
  domain varchar(32) NOT NULL,
  holder varchar(128) NOT NULL,
  instance varchar(32) NOT NULL,
  term bigint unsigned NOT NULL,
  seq bigint unsigned NOT NULL,
  renewed_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (domain)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sluice_notes (
  kind varchar(16) NOT NULL,
  name varchar(128) NOT NULL,
  owner varchar(128) NOT NULL,
  reason varchar(256) NOT NULL,
  PRIMARY KEY (kind, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sluice_revision (
  id tinyint NOT NULL,
  store_id varchar(39) NOT NULL,
  revision bigint unsigned NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sluice_settings (
  name varchar(128) NOT NULL,
  value varchar(1024) NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

GRANT SELECT, INSERT, UPDATE, DELETE ON `sluice`.service_election TO 'sluice'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `sluice`.service_health TO 'sluice'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `sluice`.throttled_apps TO 'sluice'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `sluice`.skipped_hosts TO 'sluice'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `sluice`.sluice_lease TO 'sluice'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `sluice`.sluice_notes TO 'sluice'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `sluice`.sluice_revision TO 'sluice'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `sluice`.sluice_settings TO 'sluice'@'%';
