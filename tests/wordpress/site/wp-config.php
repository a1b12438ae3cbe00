<?php
// One WordPress a test: its tables have the prefix that the address names, http://127.0.0.1:PORT/PREFIX/.
$igny8_run = getenv( 'IGNY8_WORDPRESS_RUN' );
$igny8_site = getenv( 'IGNY8_WORDPRESS_SITE' ) ?: ( $_SERVER['IGNY8_SITE'] ?? 'wp' );
$table_prefix = $igny8_site . '_';
define( 'DB_NAME', 'wordpress' );
define( 'DB_USER', 'root' );
define( 'DB_PASSWORD', '' );
define( 'DB_HOST', 'localhost:' . $igny8_run . '/db.sock' );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'DB_COLLATE', '' );
define( 'AUTH_KEY', 'the tests need none that is secret' );
define( 'SECURE_AUTH_KEY', AUTH_KEY );
define( 'LOGGED_IN_KEY', AUTH_KEY );
define( 'NONCE_KEY', AUTH_KEY );
define( 'AUTH_SALT', AUTH_KEY );
define( 'SECURE_AUTH_SALT', AUTH_KEY );
define( 'LOGGED_IN_SALT', AUTH_KEY );
define( 'NONCE_SALT', AUTH_KEY );
define( 'WP_ENVIRONMENT_TYPE', 'local' );   // application passwords without TLS
define( 'DISABLE_WP_CRON', true );          // nothing that we publish may need page hits
define( 'WP_HTTP_BLOCK_EXTERNAL', true );
define( 'AUTOMATIC_UPDATER_DISABLED', true );
define( 'FS_METHOD', 'direct' );
define( 'UPLOADS', 'wp-content/uploads/' . $igny8_site );
define( 'WP_DEBUG', false );
if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
require_once ABSPATH . 'wp-settings.php';
