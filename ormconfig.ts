// The one DataSource, built from the configuration: the application uses it, and so does the TypeORM command line.
import path from 'node:path';
import { loadConfig } from './config/index.js';
import { migrations } from './src/migrations.js';
import { createDataSource } from './src/platform/data-source.js';
import { openEmbedded } from './src/platform/embedded.js';
import { entities } from './src/schema.js';

const { databaseUrl, dataDir } = loadConfig();

const connection = databaseUrl
  ? { url: databaseUrl }
  : { stream: openEmbedded({ dataDir: path.join(dataDir, 'database') }).stream };

export default createDataSource({ connection, entities, migrations });
