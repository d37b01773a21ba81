/** Where Prisma's command line finds the schema and the database of the schema's owner. */
import { defineConfig } from 'prisma/config';

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  // Generating the client needs no database, so an absent variable is no error here.
  datasource: { url: process.env['DATABASE_OWNER_URL'] ?? '' },
});
