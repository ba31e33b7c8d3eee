import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

/**
 * What a tool on JDBC does: list, prepare, fetch, and what is refused.
 *
 * <p>Arguments: host and port, the certificate to trust, a token, the statement with a million
 * rows, a file with statements that must be refused, one a line. Prints lines of a word, a tab and
 * what it is.
 */
class WithJdbc {
    public static void main(String[] arguments) throws Exception {
        String url = "jdbc:arrow-flight-sql://" + arguments[0];
        try (Connection connection = connect(url, arguments[1], arguments[2])) {
            tell("product", connection.getMetaData().getDatabaseProductName());
            try (ResultSet tables = connection.getMetaData().getTables(null, null, "%", null)) {
                while (tables.next()) {
                    tell("table", tables.getString("TABLE_SCHEM") + "." + tables.getString("TABLE_NAME"));
                }
            }
            try (ResultSet columns = connection.getMetaData().getColumns(null, "public", "speed_tests", "%")) {
                while (columns.next()) {
                    tell("column", columns.getString("COLUMN_NAME"));
                }
            }
            try (ResultSet keys = connection.getMetaData().getPrimaryKeys(null, "public", "snapshots")) {
                while (keys.next()) {
                    tell("key", keys.getString("COLUMN_NAME"));
                }
            }
            String prepared = "SELECT direction, count(*) FROM speed_tests WHERE direction = ? GROUP BY 1";
            try (PreparedStatement statement = connection.prepareStatement(prepared)) {
                statement.setString(1, "upload");
                try (ResultSet rows = statement.executeQuery()) {
                    while (rows.next()) {
                        tell("prepared", rows.getString(1) + " " + rows.getLong(2));
                    }
                }
            }
            try (Statement statement = connection.createStatement();
                    ResultSet rows = statement.executeQuery(arguments[3])) {
                long count = 0;
                long sum = 0;
                while (rows.next()) {
                    count += 1;
                    sum += rows.getLong("n");
                }
                tell("rows", Long.toString(count));
                tell("sum", Long.toString(sum));
            }
            for (String sql : Files.readAllLines(Path.of(arguments[4]))) {
                tell("refused", refusal(connection, sql));
            }
        }
        try (Connection stranger = connect(url, arguments[1], "a-guess-that-is-long")) {
            tell("wrong_token", refusal(stranger, "SELECT 1"));
        } catch (SQLException error) {
            tell("wrong_token", error.getMessage());
        }
        System.exit(0);
    }

    private static Connection connect(String url, String certificate, String token)
            throws SQLException {
        Properties properties = new Properties();
        properties.put("token", token);
        properties.put("tlsRootCerts", certificate);
        properties.put("useSystemTrustStore", "false");
        return DriverManager.getConnection(url, properties);
    }

    private static String refusal(Connection connection, String sql) {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            while (rows.next()) {}
            return "not refused: " + sql;
        } catch (SQLException error) {
            Throwable cause = error;
            StringBuilder words = new StringBuilder();
            while (cause != null) {
                words.append(cause.getMessage()).append("; ");
                cause = cause.getCause();
            }
            return words.toString();
        }
    }

    private static void tell(String word, String what) {
        System.out.println(word + "\t" + what.replace('\n', ' '));
    }
}
